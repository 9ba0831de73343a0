// The answer to bytes that are no message.
#ifndef TCPTOOL_SERVER_RPC_PARSE_ERRORS_H_
#define TCPTOOL_SERVER_RPC_PARSE_ERRORS_H_

#include <grpcpp/support/server_interceptor.h>

namespace tcptool::server {

// gRPC answers a request that it cannot parse, such as a string that is no
// UTF-8, as if there were no such method: with UNIMPLEMENTED, and without a
// word. This makes it INVALID_ARGUMENT.
class ParseErrors : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override;
};

// For the methods of this API, that is.
class ParseErrorsFactory
    : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_PARSE_ERRORS_H_
