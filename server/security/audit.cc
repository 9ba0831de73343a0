#include "server/security/audit.h"

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>

#include <string>

#include "server/base/log.h"

namespace tcptool::server {
namespace {

using grpc::experimental::InterceptionHookPoints;

// The resource that a message is about: all of the API's name it by `name`.
std::string NameIn(const void* sent) {
  if (sent == nullptr) return "";
  // gRPC has forgotten the type; the API's are all messages, and Message is
  // their first and only base.
  const auto& message = *static_cast<const google::protobuf::Message*>(sent);
  const google::protobuf::FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName("name");
  if (field == nullptr ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING ||
      field->is_repeated()) {
    return "";
  }
  return message.GetReflection()->GetString(message, field);
}

class Interceptor : public grpc::experimental::Interceptor {
 public:
  Interceptor(const Auth& auth, grpc::experimental::ServerRpcInfo* info)
      : auth_(auth), info_(info) {}

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    if (target_.empty() && batch->QueryInterceptionHookPoint(
                               InterceptionHookPoints::POST_RECV_MESSAGE)) {
      target_ = NameIn(batch->GetRecvMessage());
    }
    // What has no name before it is there: the answer to CreateSession has it.
    if (target_.empty() && batch->QueryInterceptionHookPoint(
                               InterceptionHookPoints::PRE_SEND_MESSAGE)) {
      target_ = NameIn(batch->GetSendMessage());
    }
    if (batch->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_STATUS)) {
      Write(batch->GetSendStatus());
    }
    batch->Proceed();
  }

 private:
  void Write(const grpc::Status& status) const {
    const auto* context =
        static_cast<grpc::CallbackServerContext*>(info_->server_context());
    const absl::StatusOr<Caller> caller =
        auth_.Identify(context->client_metadata(), *context->auth_context());
    LogInfo("audit",
            {{"who", caller.ok() ? caller->name : "unknown"},
             {"peer", context->peer()},
             {"method", info_->method()},
             {"target", target_},
             {"outcome", absl::StatusCodeToString(static_cast<absl::StatusCode>(
                             status.error_code()))},
             {"detail", status.error_message()}});
  }

  const Auth& auth_;
  grpc::experimental::ServerRpcInfo* const info_;
  std::string target_;
};

class Factory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(const Auth& auth) : auth_(auth) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override {
    // Calls of no method have no name.
    if (info->method() == nullptr ||
        RequiredRole(info->method()) != Role::kOperator) {
      return nullptr;
    }
    return new Interceptor(auth_, info);
  }

 private:
  const Auth& auth_;
};

}  // namespace

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
NewAuditInterceptors(const Auth& auth) {
  return std::make_unique<Factory>(auth);
}

}  // namespace tcptool::server
