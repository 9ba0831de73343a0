#include "server/fleet/membership/registration.h"

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fleet/membership/life_sign.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"
#include "tests/server/fleet/memory_etcd/memory_etcd.h"

namespace tcptool::fleet {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RegisteredNode {
 public:
  RegisteredNode(asio::io_context& thread, MemoryEtcd* etcd,
                 const std::string& address, const std::string& life_sign = "")
      : connection_(thread.get_executor(), etcd) {
    v1::Node node;
    node.set_rack("r1");
    node.set_peer_address(address);
    node.set_life_sign(life_sign);
    registration_ = std::make_unique<Registration>(
        thread.get_executor(), &connection_, *FleetKeys::Create("lab"), "n1",
        node,
        Registration::Events{
            .registered = [this](int64_t i) { incarnations.push_back(i); },
            .lost = [this](const absl::Status& s) { lost.push_back(s); },
            .refused = [this](const absl::Status& s) { refused.push_back(s); },
            .trouble = [](const absl::Status&) {}});
  }
  Registration& registration() { return *registration_; }

  std::vector<int64_t> incarnations;
  std::vector<absl::Status> lost;
  std::vector<absl::Status> refused;

 private:
  MemoryConnection connection_;
  std::unique_ptr<Registration> registration_;
};

class RegistrationTest : public ::testing::Test {
 protected:
  template <typename Container>
  void RunUntilSize(const Container& container, size_t size) {
    while (container.size() < size) thread_.run_one();
  }

  const std::string key_ = "/tcptool/v1/lab/nodes/n1";
  asio::io_context thread_;
  MemoryEtcd etcd_;
  RegisteredNode first_{thread_, &etcd_, "192.0.2.1:7000"};
};

TEST_F(RegistrationTest, WritesTheNodeUnderItsLease) {
  RunUntilSize(first_.incarnations, 1);
  EXPECT_EQ(first_.registration().incarnation(), first_.incarnations[0]);
  EXPECT_EQ(etcd_.keys().at(key_).create_revision(), first_.incarnations[0]);
  EXPECT_EQ(etcd_.LeaseOf(key_), first_.registration().lease());
  v1::Node node;
  ASSERT_TRUE(ParseValue(etcd_.keys().at(key_).value(), node));
  EXPECT_EQ(node.rack(), "r1");
  EXPECT_EQ(node.peer_address(), "192.0.2.1:7000");
}

TEST_F(RegistrationTest, RefusesASecondNodeOfTheNameUntilTheFirstIsGone) {
  RunUntilSize(first_.incarnations, 1);
  RegisteredNode second(thread_, &etcd_, "192.0.2.2:7000");
  RunUntilSize(second.refused, 1);
  EXPECT_EQ(second.refused[0].code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.refused[0].message()),
              AllOf(HasSubstr("'n1'"), HasSubstr("192.0.2.1:7000"),
                    HasSubstr("a name of its own")));
  EXPECT_EQ(second.registration().incarnation(), 0);

  first_.registration().Withdraw([](const absl::Status&) {});
  RunUntilSize(second.incarnations, 1);
  EXPECT_GT(second.incarnations[0], first_.incarnations[0]);
  EXPECT_THAT(second.refused, SizeIs(1));
}

TEST_F(RegistrationTest, DoesNotWaitForAProcessThatIsDead) {
  RunUntilSize(first_.incarnations, 1);
  first_.registration().Withdraw([](const absl::Status&) {});
  auto sign = std::make_unique<LifeSign>();
  auto killed = std::make_unique<RegisteredNode>(
      thread_, &etcd_, "192.0.2.2:7000", sign->text());
  RunUntilSize(killed->incarnations, 1);
  const int64_t incarnation = killed->incarnations[0];
  killed.reset();  // Its registration stays.
  ASSERT_TRUE(etcd_.keys().contains(key_));
  {
    RegisteredNode second(thread_, &etcd_, "192.0.2.2:7000");
    RunUntilSize(second.refused, 1);
  }
  sign.reset();
  RegisteredNode next(thread_, &etcd_, "192.0.2.2:7000");
  RunUntilSize(next.incarnations, 1);
  EXPECT_GT(next.incarnations[0], incarnation);
  EXPECT_TRUE(next.refused.empty());
}

TEST_F(RegistrationTest, IsOfANewIncarnationWhenEtcdHadGivenItAway) {
  RunUntilSize(first_.incarnations, 1);
  etcd_.Delete(key_);
  RunUntilSize(first_.incarnations, 2);
  EXPECT_THAT(first_.lost, SizeIs(1));
  EXPECT_GT(first_.incarnations[1], first_.incarnations[0]);
  EXPECT_EQ(first_.registration().incarnation(), first_.incarnations[1]);
}

}  // namespace
}  // namespace tcptool::fleet
