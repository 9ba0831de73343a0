#include "server/fleet/etcd/lease.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/fleet/etcd/backoff.h"
#include "server/fleet/etcd/lease_clock.h"

namespace tcptool::fleet {

using dataplane::Clock;

// Kept by what it waits for: answers and timers.
class Lease::Keeper final : public std::enable_shared_from_this<Keeper> {
 public:
  Keeper(const asio::any_io_executor& executor, EtcdCalls* etcd,
         std::chrono::seconds time_to_live, Events events)
      : etcd_(etcd),
        time_to_live_(time_to_live),
        events_(std::move(events)),
        renewal_timer_(executor),
        end_timer_(executor) {}

  int64_t id() const { return id_; }
  bool IsHeld() const { return !ended_ && clock_.IsHeld(Clock::now()); }

  void Grant() {
    etcdserverpb::LeaseGrantRequest request;
    request.set_ttl(time_to_live_.count());
    etcd_->GrantLease(
        request,
        [self = shared_from_this()](
            const absl::StatusOr<etcdserverpb::LeaseGrantResponse>& response,
            Clock::time_point sent) { self->Granted(response, sent); });
  }

  // No event comes any more.
  void End() {
    ended_ = true;
    events_ = {};
    renewal_timer_.cancel();
    end_timer_.cancel();
  }

  void Revoke(std::function<void(const absl::Status&)> done) {
    End();
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(id_);
    etcd_->RevokeLease(
        request,
        [done = std::move(done)](
            const absl::StatusOr<etcdserverpb::LeaseRevokeResponse>& response,
            Clock::time_point) { done(response.status()); });
  }

 private:
  void Granted(const absl::StatusOr<etcdserverpb::LeaseGrantResponse>& response,
               Clock::time_point sent) {
    if (ended_) return;
    if (response.ok()) {
      clock_.Extend(sent, std::chrono::seconds(response->ttl()));
    }
    // One whose answer took as long as it lasts is let go.
    if (!clock_.IsHeld(Clock::now())) {
      Tell(response.ok() ? absl::DeadlineExceededError(
                               "etcd's answer to the grant of a lease came "
                               "after the lease's end")
                         : response.status());
      if (ended_) return;
      return WaitUntil(renewal_timer_, Clock::now() + backoff_.Next(),
                       [](Keeper& keeper) { keeper.Grant(); });
    }
    id_ = response->id();
    WatchEnd();
    WaitForRenewal();
    const auto held = events_.held;
    held(id_);
  }

  void WaitForRenewal() {
    WaitUntil(renewal_timer_, clock_.next_renewal(),
              [](Keeper& keeper) { keeper.Renew(); });
  }

  void Renew() {
    etcdserverpb::LeaseKeepAliveRequest request;
    request.set_id(id_);
    etcd_->RenewLease(
        request,
        [self = shared_from_this()](
            const absl::StatusOr<etcdserverpb::LeaseKeepAliveResponse>&
                response,
            Clock::time_point sent) { self->Renewed(response, sent); });
  }

  void Renewed(
      const absl::StatusOr<etcdserverpb::LeaseKeepAliveResponse>& response,
      Clock::time_point sent) {
    if (ended_) return;
    if (!clock_.IsHeld(Clock::now())) return Expire();
    if (absl::IsNotFound(response.status()) ||
        (response.ok() && response->ttl() <= 0)) {
      return Lose(absl::NotFoundError(
          absl::StrCat("etcd has given lease ", absl::Hex(id_), " away")));
    }
    if (response.ok()) {
      clock_.Extend(sent, std::chrono::seconds(response->ttl()));
      WatchEnd();
    } else {
      clock_.Failed(Clock::now());
      last_failure_ = std::string(response.status().message());
      Tell(response.status());
      if (ended_) return;
    }
    WaitForRenewal();
  }

  void WatchEnd() {
    WaitUntil(end_timer_, clock_.ends(),
              [](Keeper& keeper) { keeper.Expire(); });
  }

  // A timer that was set anew may have been on its way.
  void Expire() {
    if (clock_.IsHeld(Clock::now())) return;
    Lose(absl::DeadlineExceededError(absl::StrCat(
        "lease ", absl::Hex(id_), " of etcd's could not be renewed",
        last_failure_.empty() ? "" : ": ", last_failure_)));
  }

  void Lose(const absl::Status& status) {
    const auto lost = events_.lost;
    End();
    lost(status);
  }

  void Tell(const absl::Status& status) {
    const auto trouble = events_.trouble;
    trouble(status);
  }

  void WaitUntil(asio::steady_timer& timer, Clock::time_point time,
                 void (*then)(Keeper&)) {
    timer.expires_at(time);
    timer.async_wait([self = shared_from_this(), then](std::error_code error) {
      if (!error && !self->ended_) then(*self);
    });
  }

  EtcdCalls* const etcd_;
  const std::chrono::seconds time_to_live_;
  Events events_;
  asio::steady_timer renewal_timer_;
  asio::steady_timer end_timer_;
  Backoff backoff_{std::chrono::milliseconds(200), std::chrono::seconds(5)};
  LeaseClock clock_;
  int64_t id_ = 0;
  bool ended_ = false;
  std::string last_failure_;
};

Lease::Lease(const asio::any_io_executor& executor, EtcdCalls* etcd,
             std::chrono::seconds time_to_live, Events events)
    : keeper_(std::make_shared<Keeper>(executor, etcd, time_to_live,
                                       std::move(events))) {
  keeper_->Grant();
}

Lease::~Lease() { keeper_->End(); }

int64_t Lease::id() const { return keeper_->id(); }

bool Lease::IsHeld() const { return keeper_->IsHeld(); }

void Lease::Revoke(std::function<void(const absl::Status&)> done) {
  keeper_->Revoke(std::move(done));
}

}  // namespace tcptool::fleet
