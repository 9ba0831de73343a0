// Registration at one real member.
#include <signal.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"
#include "server/fleet/membership/registration.h"
#include "tests/server/fleet/etcd/etcd_cluster.h"

namespace tcptool::fleet {
namespace {

// A node "n1", with a client of its own.
class RegisteredNode {
 public:
  explicit RegisteredNode(const EtcdCluster& etcd)
      : thread_(etcd.client_options()) {
    v1::Node node;
    node.set_peer_address("192.0.2.1:7000");
    thread_.Run([&] {
      registration_ = std::make_unique<Registration>(
          thread_.executor(), &thread_.client(), *FleetKeys::Create("lab"),
          "n1", node,
          Registration::Events{.registered =
                                   [this](int64_t incarnation) {
                                     absl::MutexLock lock(&mutex_);
                                     incarnations_.push_back(incarnation);
                                   },
                               .lost =
                                   [this](const absl::Status&) {
                                     absl::MutexLock lock(&mutex_);
                                     ++losses_;
                                   },
                               .refused =
                                   [this](const absl::Status&) {
                                     absl::MutexLock lock(&mutex_);
                                     ++refusals_;
                                   },
                               .trouble = [](const absl::Status&) {}});
    });
  }
  ~RegisteredNode() {
    thread_.Run([this] { registration_.reset(); });
  }
  RegisteredNode(const RegisteredNode&) = delete;
  RegisteredNode& operator=(const RegisteredNode&) = delete;

  int64_t WaitUntilRegistered(size_t times = 1) {
    absl::MutexLock lock(&mutex_);
    const auto is_registered = [this, times]()
                                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                                     return incarnations_.size() >= times;
                                   };
    mutex_.Await(absl::Condition(&is_registered));
    return incarnations_.back();
  }
  void WaitUntilRefused() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* refusals) { return *refusals > 0; }, &refusals_));
  }
  void WaitUntilLost() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](int* losses) { return *losses > 0; }, &losses_));
  }
  absl::Status Withdraw() {
    std::promise<absl::Status> done;
    thread_.Run([&] {
      registration_->Withdraw(
          [&done](const absl::Status& status) { done.set_value(status); });
    });
    return done.get_future().get();
  }

 private:
  absl::Mutex mutex_;
  std::vector<int64_t> incarnations_ ABSL_GUARDED_BY(mutex_);
  int losses_ ABSL_GUARDED_BY(mutex_) = 0;
  int refusals_ ABSL_GUARDED_BY(mutex_) = 0;
  ClientThread thread_;
  std::unique_ptr<Registration> registration_;
};

constexpr char kKey[] = "/tcptool/v1/lab/nodes/n1";

TEST(EtcdRegistration, ASecondNodeOfTheNameWaitsForTheFirst) {
  const EtcdCluster etcd;
  RegisteredNode first(etcd);
  const int64_t incarnation = first.WaitUntilRegistered();
  RegisteredNode second(etcd);
  second.WaitUntilRefused();
  EXPECT_EQ(first.Withdraw(), absl::OkStatus());
  EXPECT_GT(second.WaitUntilRegistered(), incarnation);
}

TEST(EtcdRegistration, IsWrittenAgainWhenItWasDeleted) {
  const EtcdCluster etcd;
  RegisteredNode node(etcd);
  const int64_t incarnation = node.WaitUntilRegistered();
  ClientThread operator_of_etcd(etcd.client_options());
  ASSERT_EQ(operator_of_etcd.Delete(kKey), absl::OkStatus());
  EXPECT_GT(node.WaitUntilRegistered(2), incarnation);
  EXPECT_EQ(operator_of_etcd.Get(kKey).status(), absl::OkStatus());
}

// Longer than a lease lasts, so that the node gives itself up. Whether it has
// its incarnation back depends on who is faster when etcd is back: the node, or
// the lease that etcd counts anew from then.
TEST(EtcdRegistration, IsThereAgainAfterALongAbsenceOfEtcd) {
  EtcdCluster etcd;
  RegisteredNode node(etcd);
  const int64_t incarnation = node.WaitUntilRegistered();
  etcd.Kill(0);
  node.WaitUntilLost();
  etcd.Restart(0);
  const int64_t next = node.WaitUntilRegistered(2);
  EXPECT_GE(next, incarnation);
  ClientThread reader(etcd.client_options());
  etcdserverpb::RangeRequest request;
  request.set_key(kKey);
  const auto response = reader.Ask(&EtcdClient::Range, request);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_EQ(response->kvs_size(), 1);
  EXPECT_EQ(response->kvs(0).create_revision(), next);
}

}  // namespace
}  // namespace tcptool::fleet
