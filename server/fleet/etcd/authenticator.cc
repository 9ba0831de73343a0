#include "server/fleet/etcd/authenticator.h"

#include <utility>

#include "server/fleet/etcd/unary_call.h"

namespace tcptool::fleet {

void Authenticator::Authenticate(
    std::function<void(const absl::Status&)> done) {
  waiting_.push_back(std::move(done));
  if (waiting_.size() > 1) return;
  using Request = etcdserverpb::AuthenticateRequest;
  using Response = etcdserverpb::AuthenticateResponse;
  Request request;
  request.set_name(etcd_->options.user);
  request.set_password(etcd_->options.password);
  std::make_shared<UnaryCall<Request, Response>>(
      etcd_, nullptr, CallKind::kRepeatable, request,
      [](const Endpoint& endpoint, auto... call) {
        endpoint.auth->async()->Authenticate(std::move(call)...);
      },
      [self = shared_from_this()](const absl::StatusOr<Response>& response,
                                  dataplane::Clock::time_point) {
        if (response.ok()) self->etcd_->token = response->token();
        // "authentication is not enabled": whoever calls may do all.
        self->etcd_->knows_no_users =
            absl::IsFailedPrecondition(response.status());
        self->Finish(self->etcd_->knows_no_users ? absl::OkStatus()
                                                 : response.status());
      })
      ->Try();
}

void Authenticator::Finish(const absl::Status& status) {
  for (const auto& done : std::exchange(waiting_, {})) done(status);
}

}  // namespace tcptool::fleet
