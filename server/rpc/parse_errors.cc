#include "server/rpc/parse_errors.h"

#include <string>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tcptool/v1/node_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

// Whether the API has the method "/tcptool.v1.Service/Method".
bool HasMethod(absl::string_view path) {
  for (const auto* file : {v1::CreateSessionRequest::descriptor()->file(),
                           v1::GetNodeRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const auto& service = *file->service(i);
      absl::string_view rest = path;
      if (absl::ConsumePrefix(&rest, "/") &&
          absl::ConsumePrefix(&rest, service.full_name()) &&
          absl::ConsumePrefix(&rest, "/") &&
          service.FindMethodByName(std::string(rest)) != nullptr) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

void ParseErrors::Intercept(
    grpc::experimental::InterceptorBatchMethods* methods) {
  if (methods->QueryInterceptionHookPoint(
          InterceptionHookPoints::PRE_SEND_STATUS)) {
    const grpc::Status status = methods->GetSendStatus();
    if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED &&
        status.error_message().empty()) {
      methods->ModifySendStatus(
          {grpc::StatusCode::INVALID_ARGUMENT,
           "the request is no message of this method: it is cut, or a string "
           "in it is no UTF-8"});
    }
  }
  methods->Proceed();
}

grpc::experimental::Interceptor* ParseErrorsFactory::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return HasMethod(info->method()) ? new ParseErrors() : nullptr;
}

}  // namespace tcptool::server
