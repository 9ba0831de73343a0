// Leases, against one real member.
#include <signal.h>

#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "server/fleet/etcd/lease.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"

namespace tcptool::fleet {
namespace {

using dataplane::Clock;

class HeldLease {
 public:
  HeldLease(ClientThread& thread, std::chrono::seconds time_to_live)
      : thread_(thread) {
    thread_.Run([&] {
      lease_ = std::make_unique<Lease>(
          thread_.executor(), &thread_.client(), time_to_live,
          Lease::Events{.held =
                            [this](int64_t id) {
                              absl::MutexLock lock(&mutex_);
                              id_ = id;
                            },
                        .lost =
                            [this](const absl::Status& status) {
                              absl::MutexLock lock(&mutex_);
                              lost_ = status;
                              ++losses_;
                            },
                        .trouble = [](const absl::Status&) {}});
    });
  }
  ~HeldLease() {
    thread_.Run([this] { lease_.reset(); });
  }
  HeldLease(const HeldLease&) = delete;
  HeldLease& operator=(const HeldLease&) = delete;

  int64_t WaitUntilHeld() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int64_t* id) { return *id != 0; }, &id_));
    return id_;
  }
  absl::Status WaitUntilLost() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* losses) { return *losses > 0; }, &losses_));
    return lost_;
  }
  bool IsHeld() {
    bool is_held = false;
    thread_.Run([&] { is_held = lease_->IsHeld(); });
    return is_held;
  }
  Lease& lease() { return *lease_; }

 private:
  ClientThread& thread_;
  std::unique_ptr<Lease> lease_;
  absl::Mutex mutex_;
  int64_t id_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status lost_ ABSL_GUARDED_BY(mutex_);
  int losses_ ABSL_GUARDED_BY(mutex_) = 0;
};

TEST(EtcdLease, KeepsItsKeyForLongerThanItLastsByItself) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  // Others would go by then.
  etcdserverpb::LeaseGrantRequest request;
  request.set_ttl(6);
  const auto other = thread.Ask(&EtcdClient::GrantLease, request);
  ASSERT_TRUE(other.ok()) << other.status();
  HeldLease lease(thread, std::chrono::seconds(6));
  ASSERT_EQ(thread.Put("kept", "", lease.WaitUntilHeld()), absl::OkStatus());
  ASSERT_EQ(thread.Put("gone", "", other->id()), absl::OkStatus());
  while (thread.Get("gone").ok()) {
  }
  EXPECT_EQ(thread.Get("kept").status(), absl::OkStatus());
  EXPECT_TRUE(lease.IsHeld());
}

TEST(EtcdLease, IsLostByItsHoldersClockWhenTheServerStandsStill) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  HeldLease lease(thread, std::chrono::seconds(3));
  const int64_t id = lease.WaitUntilHeld();
  ASSERT_EQ(thread.Put("mine", "", id), absl::OkStatus());
  etcd.Signal(0, SIGSTOP);
  EXPECT_EQ(lease.WaitUntilLost().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(lease.IsHeld());
  // It was told before etcd can have taken the key away: that has not had the
  // processor since.
  etcd.Signal(0, SIGCONT);
}

TEST(EtcdLease, IsLostWhenEtcdHasGivenItAway) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  HeldLease lease(thread, std::chrono::seconds(6));
  etcdserverpb::LeaseRevokeRequest request;
  request.set_id(lease.WaitUntilHeld());
  ASSERT_TRUE(thread.Ask(&EtcdClient::RevokeLease, request).ok());
  EXPECT_EQ(lease.WaitUntilLost().code(), absl::StatusCode::kNotFound);
}

TEST(EtcdLease, OutlastsARestartOfTheServer) {
  EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  HeldLease lease(thread, std::chrono::seconds(60));
  ASSERT_EQ(thread.Put("mine", "", lease.WaitUntilHeld()), absl::OkStatus());
  etcd.Restart(0);
  while (thread.Get("mine").status().code() == absl::StatusCode::kUnavailable) {
  }
  EXPECT_EQ(thread.Get("mine").status(), absl::OkStatus());
  EXPECT_TRUE(lease.IsHeld());
}

TEST(EtcdLease, TakesItsKeysAlongWhenItIsGivenBack) {
  const EtcdCluster etcd;
  ClientThread thread(etcd.client_options());
  HeldLease lease(thread, std::chrono::seconds(60));
  ASSERT_EQ(thread.Put("mine", "", lease.WaitUntilHeld()), absl::OkStatus());
  std::promise<absl::Status> revoked;
  thread.Run([&] {
    lease.lease().Revoke(
        [&revoked](const absl::Status& status) { revoked.set_value(status); });
  });
  EXPECT_EQ(revoked.get_future().get(), absl::OkStatus());
  EXPECT_EQ(thread.Get("mine").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace tcptool::fleet
