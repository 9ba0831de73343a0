#include "server/fleet/membership/leased_key.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <random>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/fleet/etcd/backoff.h"
#include "server/fleet/etcd/lease.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/etcd/transaction.h"

namespace tcptool::fleet {
namespace {

// When a key becomes free, those that wait for it come one after the other.
constexpr int kMostMillisecondsAfterRelease = 300;

// Leases whose key may still be there; more are not lost within one's time.
constexpr size_t kOwnLeases = 8;

etcdserverpb::TxnRequest PutIfAbsent(const std::string& key,
                                     const std::string& value, int64_t lease) {
  etcdserverpb::TxnRequest request;
  GuardCreation(request, key, 0);
  Put(request, key, value, lease);
  ReadIfRefused(request, key);
  return request;
}

// If it is still the key that was read.
etcdserverpb::TxnRequest MoveToLease(const etcdserverpb::KeyValue& read,
                                     const std::string& value, int64_t lease) {
  etcdserverpb::TxnRequest request;
  GuardValue(request, read.key(), read.mod_revision());
  Put(request, read.key(), value, lease);
  return request;
}

}  // namespace

// Kept by what it waits for: answers and timers.
class LeasedKey::Holder final : public std::enable_shared_from_this<Holder> {
 public:
  Holder(const asio::any_io_executor& executor, EtcdCalls* etcd,
         LeasedKeyOptions options, Events events)
      : executor_(executor),
        etcd_(etcd),
        options_(std::move(options)),
        events_(std::move(events)),
        lease_timer_(executor),
        retry_timer_(executor) {}

  int64_t create_revision() const {
    // By the clock, also before anybody can be told.
    return lease_ != nullptr && lease_->IsHeld() ? create_revision_ : 0;
  }
  int64_t lease() const { return lease_ == nullptr ? 0 : lease_->id(); }

  void Start() {
    NewLease();
    watch_ = std::make_unique<PrefixWatch>(
        executor_, etcd_, PrefixWatchOptions{.prefix = options_.key},
        PrefixWatch::Events{
            .changed = [this](const PrefixMirror::Changes& changes,
                              int64_t) { Changed(changes); },
            .trouble = [this](const absl::Status& status) { Tell(status); }});
  }

  // Reads who holds the key.
  void Check() {
    etcdserverpb::RangeRequest request;
    request.set_key(options_.key);
    etcd_->Range(
        request,
        [self = shared_from_this()](
            const absl::StatusOr<etcdserverpb::RangeResponse>& response, auto) {
          self->Checked(response);
        });
  }

  void End() {
    ended_ = true;
    events_ = {};
    lease_timer_.cancel();
    retry_timer_.cancel();
    watch_.reset();
    lease_.reset();
  }

  void Release(std::function<void(const absl::Status&)> done) {
    ended_ = true;
    create_revision_ = 0;
    events_ = {};
    lease_timer_.cancel();
    retry_timer_.cancel();
    watch_.reset();
    if (lease_->id() == 0) {
      lease_.reset();  // None is wanted any more.
      return done(absl::OkStatus());
    }
    lease_->Revoke(std::move(done));
  }

 private:
  void NewLease() {
    ++attempt_;
    is_trying_ = false;
    lease_ = std::make_unique<Lease>(
        executor_, etcd_, options_.time_to_live,
        Lease::Events{
            .held =
                [this](int64_t id) {
                  own_leases_.push_back(id);
                  if (own_leases_.size() > kOwnLeases) {
                    own_leases_.erase(own_leases_.begin());
                  }
                  Try();
                },
            .lost = [this](const absl::Status& status) { LeaseLost(status); },
            .trouble = [this](const absl::Status& status) { Tell(status); }});
  }

  void LeaseLost(const absl::Status& status) {
    ++attempt_;
    // Not now, as it destroys the lease that calls.
    WaitFor(lease_timer_, std::chrono::milliseconds(0),
            [](Holder& holder) { holder.NewLease(); });
    Lose(status);
  }

  bool MayTry() const {
    return !ended_ && !is_trying_ && create_revision_ == 0 &&
           lease_->id() != 0 && lease_->IsHeld();
  }

  void Try() {
    if (!MayTry()) return;
    has_changed_ = false;
    Write(PutIfAbsent(options_.key, options_.value, lease_->id()), 0);
  }

  // `create_revision`: that the key has already, or 0.
  void Write(const etcdserverpb::TxnRequest& request, int64_t create_revision) {
    is_trying_ = true;
    etcd_->Txn(
        request,
        [self = shared_from_this(), attempt = attempt_, create_revision](
            const absl::StatusOr<etcdserverpb::TxnResponse>& response, auto) {
          if (self->ended_ || attempt != self->attempt_) return;
          self->is_trying_ = false;
          self->Written(response, create_revision);
        });
  }

  void Written(const absl::StatusOr<etcdserverpb::TxnResponse>& response,
               int64_t create_revision) {
    if (!lease_->IsHeld()) return NewLease();
    if (!response.ok()) {
      // The same transaction again finds out what became of this one.
      RetryAfter(backoff_.Next(), [](Holder& holder) { holder.Try(); });
      return Tell(response.status());
    }
    backoff_.Reset();
    if (response->succeeded()) {
      return Hold(create_revision != 0 ? create_revision
                                       : response->header().revision());
    }
    if (response->responses().empty() ||
        response->responses(0).response_range().kvs().empty()) {
      return Try();  // It has changed between two transactions.
    }
    const etcdserverpb::KeyValue& key =
        response->responses(0).response_range().kvs(0);
    if (key.lease() == lease_->id()) return Hold(key.create_revision());
    if (IsOwn(key.lease())) {
      return Write(MoveToLease(key, options_.value, lease_->id()),
                   key.create_revision());
    }
    Wait(key);
  }

  bool IsOwn(int64_t lease) const {
    return std::find(own_leases_.begin(), own_leases_.end(), lease) !=
           own_leases_.end();
  }

  void Hold(int64_t create_revision) {
    create_revision_ = create_revision;
    taken_by_ = 0;
    retry_timer_.cancel();
    const auto held = events_.held;
    held(create_revision);
  }

  void Lose(const absl::Status& status) {
    if (create_revision_ == 0) return;
    create_revision_ = 0;
    const auto lost = events_.lost;
    lost(status);
  }

  // Until the watch tells that it is gone.
  void Wait(const etcdserverpb::KeyValue& key) {
    if (has_changed_) return Try();
    if (options_.is_left != nullptr && key.lease() != 0 &&
        key.lease() != revoked_ && options_.is_left(key.value())) {
      return Revoke(key.lease());
    }
    const std::chrono::milliseconds half = options_.check_interval / 2;
    RetryAfter(half + Random(half), [](Holder& holder) { holder.Check(); });
    if (taken_by_ == key.create_revision()) return;
    taken_by_ = key.create_revision();
    const auto taken = events_.taken;
    taken(key.value());
  }

  // That of a key whose holder is dead. Once: if that does not help, the key is
  // waited for.
  void Revoke(int64_t lease) {
    revoked_ = lease;
    is_trying_ = true;
    etcdserverpb::LeaseRevokeRequest request;
    request.set_id(lease);
    etcd_->RevokeLease(
        request,
        [self = shared_from_this(), attempt = attempt_](
            const absl::StatusOr<etcdserverpb::LeaseRevokeResponse>& response,
            auto) {
          if (self->ended_ || attempt != self->attempt_) return;
          self->is_trying_ = false;
          if (!response.ok()) self->Tell(response.status());
          self->Try();
        });
  }

  void Changed(const PrefixMirror::Changes& changes) {
    // Whoever is told of one change may destroy this.
    const auto self = shared_from_this();
    for (const PrefixChange& change : changes) {
      if (ended_) return;
      if (change.key == options_.key) ChangedTo(change);
    }
  }

  void ChangedTo(const PrefixChange& change) {
    has_changed_ = true;
    const bool is_deleted = change.kind == PrefixChange::Kind::kDelete;
    const int64_t revision = change.entry.create_revision;
    // What the watch tells may be older than what is held.
    const bool is_lost =
        is_deleted ? revision == create_revision_ : revision > create_revision_;
    if (create_revision_ != 0 && is_lost) LoseToOther();
    if (is_deleted && MayTry()) {
      RetryAfter(
          Random(std::chrono::milliseconds(kMostMillisecondsAfterRelease)),
          [](Holder& holder) { holder.Try(); });
    }
  }

  void LoseToOther() {
    RetryAfter(std::chrono::milliseconds(0),
               [](Holder& holder) { holder.Try(); });
    Lose(absl::AbortedError(
        absl::StrCat("somebody has deleted ", options_.key, " in etcd")));
  }

  void Checked(const absl::StatusOr<etcdserverpb::RangeResponse>& response) {
    if (ended_ || is_trying_) return;
    if (!response.ok()) {
      RetryAfter(backoff_.Next(), [](Holder& holder) { holder.Check(); });
      return Tell(response.status());
    }
    backoff_.Reset();
    if (create_revision_ == 0) {
      if (response->kvs().empty()) return Try();
      // Another process may have it again.
      return Wait(response->kvs(0));
    }
    if (response->kvs().empty() ||
        response->kvs(0).create_revision() != create_revision_) {
      LoseToOther();
    }
  }

  void Tell(const absl::Status& status) {
    const auto trouble = events_.trouble;
    trouble(status);
  }

  std::chrono::milliseconds Random(std::chrono::milliseconds most) {
    return std::chrono::milliseconds(
        std::uniform_int_distribution<int64_t>(0, most.count())(random_));
  }

  void RetryAfter(std::chrono::milliseconds time, void (*then)(Holder&)) {
    WaitFor(retry_timer_, time, then);
  }

  void WaitFor(asio::steady_timer& timer, std::chrono::milliseconds time,
               void (*then)(Holder&)) {
    timer.expires_after(time);
    timer.async_wait([self = shared_from_this(), then](std::error_code error) {
      if (!error && !self->ended_) then(*self);
    });
  }

  const asio::any_io_executor executor_;
  EtcdCalls* const etcd_;
  const LeasedKeyOptions options_;
  Events events_;
  asio::steady_timer lease_timer_;
  asio::steady_timer retry_timer_;
  std::minstd_rand random_{std::random_device()()};
  Backoff backoff_{std::chrono::milliseconds(200), std::chrono::seconds(5)};
  std::unique_ptr<Lease> lease_;
  std::vector<int64_t> own_leases_;
  std::unique_ptr<PrefixWatch> watch_;
  int64_t create_revision_ = 0;
  int64_t taken_by_ = 0;  // The create revision of another's that was told.
  int64_t revoked_ = 0;   // The lease of another's that was revoked last.
  int attempt_ = 0;       // Answers to earlier ones are not taken.
  bool is_trying_ = false;
  bool has_changed_ = false;  // Since it was last tried.
  bool ended_ = false;
};

LeasedKey::LeasedKey(const asio::any_io_executor& executor, EtcdCalls* etcd,
                     LeasedKeyOptions options, Events events)
    : holder_(std::make_shared<Holder>(executor, etcd, std::move(options),
                                       std::move(events))) {
  holder_->Start();
}

LeasedKey::~LeasedKey() { holder_->End(); }

int64_t LeasedKey::create_revision() const {
  return holder_->create_revision();
}

int64_t LeasedKey::lease() const { return holder_->lease(); }

void LeasedKey::Check() { holder_->Check(); }

void LeasedKey::Release(std::function<void(const absl::Status&)> done) {
  holder_->Release(std::move(done));
}

}  // namespace tcptool::fleet
