// One call of etcd's, with as many tries as it takes.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_UNARY_CALL_H_
#define TCPTOOL_SERVER_FLEET_ETCD_UNARY_CALL_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <algorithm>
#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "dataplane/base/clock.h"
#include "server/fleet/etcd/backoff.h"
#include "server/fleet/etcd/call_errors.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/etcd/etcd_context.h"

namespace tcptool::fleet {

// Starts a call of gRPC's; the rest belongs to it until `done` was called, on a
// thread of gRPC's.
template <typename Request, typename Response>
using StartCall =
    std::function<void(const Endpoint& endpoint, grpc::ClientContext* context,
                       const Request* request, Response* response,
                       std::function<void(grpc::Status)> done)>;

// On the executor's thread. Keeps itself until it has called `done`.
template <typename Request, typename Response>
class UnaryCall final
    : public std::enable_shared_from_this<UnaryCall<Request, Response>> {
 public:
  // Calls the function when there is a token, or none is to be had.
  using Authenticate = std::function<void(std::function<void(absl::Status)>)>;

  UnaryCall(std::shared_ptr<EtcdContext> etcd, Authenticate authenticate,
            CallKind kind, Request request, StartCall<Request, Response> start,
            EtcdDone<Response> done)
      : etcd_(std::move(etcd)),
        authenticate_(std::move(authenticate)),
        kind_(kind),
        request_(std::move(request)),
        start_(std::move(start)),
        done_(std::move(done)),
        timer_(etcd_->executor),
        ends_(dataplane::Clock::now() + etcd_->options.timeout) {}

  void Try() {
    if (etcd_->stopped) return;
    if (authenticate_ && WantsToken(*etcd_)) return GetToken();
    using std::chrono::milliseconds;
    sent_ = dataplane::Clock::now();
    const auto left = std::chrono::ceil<milliseconds>(ends_ - sent_);
    auto attempt = std::make_shared<Attempt>(etcd_->members.current());
    SetUpContext(*etcd_, attempt->context);
    SetTimeout(std::clamp(left, milliseconds(1), etcd_->options.try_timeout),
               attempt->context);
    etcd_->open->Add(attempt);
    start_(attempt->endpoint, &attempt->context, &request_, &attempt->response,
           [self = this->shared_from_this(),
            attempt](const grpc::Status& status) mutable {
             const std::shared_ptr<OpenCalls> open = self->etcd_->open;
             const OpenCall* const key = attempt.get();
             const asio::any_io_executor executor = self->etcd_->executor;
             asio::post(executor,
                        [self = std::move(self), attempt = std::move(attempt),
                         status] { self->Answered(*attempt, status); });
             open->Remove(key);
           });
  }

 private:
  struct Attempt final : public OpenCall {
    explicit Attempt(const Endpoint& of) : endpoint(of) {}
    void Cancel() override { context.TryCancel(); }

    const Endpoint& endpoint;
    grpc::ClientContext context;
    Response response;
  };

  void GetToken() {
    authenticate_(
        [self = this->shared_from_this()](const absl::Status& status) {
          if (!status.ok()) return self->done_(status, self->sent_);
          self->Try();
        });
  }

  void Answered(Attempt& attempt, const grpc::Status& status) {
    if (etcd_->stopped) return;
    if (status.ok()) return done_(std::move(attempt.response), sent_);
    const CallFailure failure =
        JudgeFailure(status, kind_, attempt.endpoint.name);
    if (failure.next == CallFailure::Next::kAuthenticate && authenticate_ &&
        !etcd_->options.user.empty() && !authenticated_anew_) {
      authenticated_anew_ = true;
      ForgetToken(*etcd_);
      return Try();
    }
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) {
      etcd_->members.TurnFrom(attempt.endpoint);
    }
    if (failure.next != CallFailure::Next::kTryAnother ||
        dataplane::Clock::now() >= ends_) {
      return done_(failure.status, sent_);
    }
    ++tries_;
    if (tries_ % etcd_->members.size() != 0) return Try();
    // All have been asked: a pause.
    timer_.expires_at(
        std::min(ends_, dataplane::Clock::now() + backoff_.Next()));
    timer_.async_wait(
        [self = this->shared_from_this()](std::error_code) { self->Try(); });
  }

  const std::shared_ptr<EtcdContext> etcd_;
  const Authenticate authenticate_;  // Empty: this is how it is done.
  const CallKind kind_;
  const Request request_;
  const StartCall<Request, Response> start_;
  const EtcdDone<Response> done_;
  asio::steady_timer timer_;
  const dataplane::Clock::time_point ends_;
  dataplane::Clock::time_point sent_;
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(1)};
  size_t tries_ = 0;
  bool authenticated_anew_ = false;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_UNARY_CALL_H_
