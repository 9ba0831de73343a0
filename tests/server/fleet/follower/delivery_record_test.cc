#include "server/fleet/follower/delivery_record.h"

#include <asio/io_context.hpp>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fleet/state/values.h"
#include "tests/server/fleet/coordinator/test_fleet.h"
#include "tests/server/fleet/memory_etcd/memory_connection.h"

namespace tcptool::fleet {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class DeliveryRecordTest : public ::testing::Test {
 protected:
  DeliveryRecordTest() {
    fleet_.AddNode("n1");
    fleet_.AddDistribution("d");
    record_ = std::make_shared<DeliveryRecord>(
        thread_.get_executor(), &connection_, fleet_.keys(), "n1",
        DeliveryId{.distribution = "d",
                   .revision = Created(fleet_.keys().Spec("d"))},
        DeliveryRecord::Events{.deleted = [this] { ++deleted_; },
                               .trouble =
                                   [this](const absl::Status& status) {
                                     troubles_.push_back(status);
                                   }});
    record_->SetIncarnation(Created(fleet_.keys().Node("n1")));
  }
  ~DeliveryRecordTest() override { record_->End(); }

  int64_t Created(const std::string& key) const {
    return fleet_.etcd().keys().at(key).create_revision();
  }
  void Set(v1::DeliveryState state) {
    v1::Delivery value;
    value.set_state(state);
    record_->Set(value);
  }
  void Settle() {
    thread_.restart();
    while (thread_.poll() > 0) {
    }
  }
  // Runs, pauses between tries included, until etcd has this.
  void RunUntil(v1::DeliveryState state) {
    thread_.restart();
    while (State() != state) thread_.run_one();
  }
  v1::DeliveryState State() const {
    const auto& keys = fleet_.etcd().keys();
    const auto key = keys.find(key_);
    v1::Delivery value;
    if (key != keys.end()) ParseValue(key->second.value(), value);
    return value.state();
  }
  // The next transaction's; those after it are answered.
  void SetFate(Fate fate) {
    connection_.fate = [this, fate](const auto&) {
      connection_.fate = nullptr;
      return fate;
    };
  }

  mutable TestFleet fleet_;
  asio::io_context thread_;
  MemoryConnection connection_{thread_.get_executor(), &fleet_.etcd()};
  const std::string key_ = fleet_.keys().Delivery("d", "n1");
  int deleted_ = 0;
  std::vector<absl::Status> troubles_;
  std::shared_ptr<DeliveryRecord> record_;
};

TEST_F(DeliveryRecordTest, WritesTheNewestOfWhatCameMeanwhile) {
  Set(v1::DELIVERY_STATE_WAITING);
  Set(v1::DELIVERY_STATE_RECEIVING);
  Set(v1::DELIVERY_STATE_VERIFYING);
  Settle();
  EXPECT_EQ(State(), v1::DELIVERY_STATE_VERIFYING);
  EXPECT_EQ(connection_.transactions(), 2);
  Set(v1::DELIVERY_STATE_VERIFYING);
  Settle();
  EXPECT_EQ(connection_.transactions(), 2) << "etcd has it.";
}

// Nothing else may come that has it written.
TEST_F(DeliveryRecordTest, WritesWhatCameBeforeAnAnswerThatTheWatchIsAheadOf) {
  v1::Delivery delivered;
  delivered.set_state(v1::DELIVERY_STATE_DELIVERED);
  *delivered.mutable_content() = ContentWithRoot('r');
  record_->Set(delivered);
  // It is carried out, and others write of the distribution that it is over.
  delivered.set_incarnation(Created(fleet_.keys().Node("n1")));
  const Stored<v1::Delivery> stored = {
      .value = delivered,
      .create_revision = Created(key_),
      .mod_revision = fleet_.etcd().revision()};
  fleet_.AddNode("n2");
  record_->Seen(&stored, fleet_.etcd().revision());
  v1::Serving serving;
  serving.set_endpoint("127.0.0.1:9000");
  record_->SetServing(serving);
  Settle();
  v1::Delivery value;
  ASSERT_TRUE(ParseValue(fleet_.etcd().keys().at(key_).value(), value));
  EXPECT_EQ(value.state(), v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(value.serving().endpoint(), "127.0.0.1:9000");
  EXPECT_EQ(connection_.transactions(), 2);
}

TEST_F(DeliveryRecordTest, WritesWhatCameBeforeARefusalThatTheWatchIsAheadOf) {
  // Somebody else writes between the watch's news and the write.
  v1::Delivery other;
  other.set_state(v1::DELIVERY_STATE_WAITING);
  fleet_.etcd().Put(key_, other.SerializeAsString());
  Set(v1::DELIVERY_STATE_RECEIVING);
  const Stored<v1::Delivery> stored = {
      .value = other,
      .create_revision = Created(key_),
      .mod_revision = fleet_.etcd().revision()};
  fleet_.AddNode("n2");
  record_->Seen(&stored, fleet_.etcd().revision());
  Settle();
  EXPECT_EQ(State(), v1::DELIVERY_STATE_RECEIVING);
}

TEST_F(DeliveryRecordTest, FindsOutWhatBecameOfAnUnknownWrite) {
  for (const Fate fate :
       {Fate::kAnswerLost, Fate::kRequestLost, Fate::kRefused}) {
    SetFate(fate);
    const auto state = State() == v1::DELIVERY_STATE_RECEIVING
                           ? v1::DELIVERY_STATE_VERIFYING
                           : v1::DELIVERY_STATE_RECEIVING;
    troubles_.clear();
    Set(state);
    RunUntil(state);
    Settle();
    EXPECT_THAT(troubles_, SizeIs(1));
  }
  // It writes on, from what it has found out.
  Set(v1::DELIVERY_STATE_WAITING);
  RunUntil(v1::DELIVERY_STATE_WAITING);
}

TEST_F(DeliveryRecordTest, IsNotUndoneByAWriteThatComesLate) {
  SetFate(Fate::kLate);
  Set(v1::DELIVERY_STATE_WAITING);
  Settle();
  Set(v1::DELIVERY_STATE_RECEIVING);
  RunUntil(v1::DELIVERY_STATE_RECEIVING);
  connection_.CarryOutLate();
  Settle();
  EXPECT_EQ(State(), v1::DELIVERY_STATE_RECEIVING);
}

TEST_F(DeliveryRecordTest, WritesNothingUnderAnIncarnationThatIsOver) {
  fleet_.KillNode("n1");
  fleet_.AddNode("n1");
  Set(v1::DELIVERY_STATE_DELIVERED);
  Settle();
  EXPECT_EQ(State(), v1::DELIVERY_STATE_UNSPECIFIED);
  EXPECT_EQ(connection_.transactions(), 1) << "It waits for its registration.";
  EXPECT_THAT(troubles_, IsEmpty());

  v1::Delivery delivered;
  delivered.set_state(v1::DELIVERY_STATE_DELIVERED);
  *delivered.mutable_content() = ContentWithRoot('r');
  record_->Set(delivered);
  record_->SetIncarnation(Created(fleet_.keys().Node("n1")));
  RunUntil(v1::DELIVERY_STATE_DELIVERED);
}

TEST_F(DeliveryRecordTest, WritesNothingOfADistributionThatIsDeleted) {
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  fleet_.AddDistribution("d");
  Set(v1::DELIVERY_STATE_WAITING);
  Settle();
  Set(v1::DELIVERY_STATE_RECEIVING);
  Settle();
  EXPECT_EQ(State(), v1::DELIVERY_STATE_UNSPECIFIED);
  EXPECT_EQ(connection_.transactions(), 1);
}

TEST_F(DeliveryRecordTest, WritesAgainWhatIsDeletedWhileItGoesOn) {
  Set(v1::DELIVERY_STATE_RECEIVING);
  Settle();
  fleet_.etcd().Delete(key_);
  record_->Seen(nullptr, fleet_.etcd().revision());
  RunUntil(v1::DELIVERY_STATE_RECEIVING);
  EXPECT_EQ(deleted_, 0);
}

TEST_F(DeliveryRecordTest, TellsThatAFailureIsToBeTriedAgain) {
  Set(v1::DELIVERY_STATE_FAILED);
  Settle();
  // What the watch has told before is older.
  record_->Seen(nullptr, fleet_.etcd().revision() - 1);
  EXPECT_EQ(deleted_, 0);
  fleet_.etcd().Delete(key_);
  record_->Seen(nullptr, fleet_.etcd().revision());
  Settle();
  EXPECT_EQ(deleted_, 1);
  EXPECT_EQ(State(), v1::DELIVERY_STATE_UNSPECIFIED);
  EXPECT_EQ(record_->state(), v1::DELIVERY_STATE_UNSPECIFIED);
}

TEST_F(DeliveryRecordTest, TellsThatAFailureWasDeletedBeforeItsAnswerCame) {
  Set(v1::DELIVERY_STATE_FAILED);
  fleet_.etcd().Delete(key_);
  record_->Seen(nullptr, fleet_.etcd().revision());
  Settle();
  EXPECT_EQ(deleted_, 1);
  EXPECT_EQ(State(), v1::DELIVERY_STATE_UNSPECIFIED);
}

TEST_F(DeliveryRecordTest, LeavesAnEtcdThatHasGoneBackTimeUntilTheWatchTells) {
  const MemoryEtcd backup = fleet_.etcd();
  Set(v1::DELIVERY_STATE_WAITING);
  Settle();
  fleet_.etcd().Restore(backup);
  Set(v1::DELIVERY_STATE_RECEIVING);
  thread_.restart();
  for (int i = 0; i < 100; ++i) thread_.poll_one();
  EXPECT_LT(connection_.transactions(), 10) << "It pauses between them.";
  record_->Forget();
  record_->Seen(nullptr, fleet_.etcd().revision());
  RunUntil(v1::DELIVERY_STATE_RECEIVING);
}

TEST_F(DeliveryRecordTest, DoesNotTakeAnAnswerOfBeforeEtcdHasGoneBack) {
  const MemoryEtcd backup = fleet_.etcd();
  Set(v1::DELIVERY_STATE_WAITING);
  fleet_.etcd().Restore(backup);
  record_->Forget();
  record_->Seen(nullptr, fleet_.etcd().revision());
  RunUntil(v1::DELIVERY_STATE_WAITING);
}

TEST_F(DeliveryRecordTest, FindsTheDeletionOfAFailureByItsNextWrite) {
  Set(v1::DELIVERY_STATE_FAILED);
  Settle();
  fleet_.etcd().Delete(key_);
  v1::Delivery other;
  other.set_state(v1::DELIVERY_STATE_FAILED);
  other.set_detail("something else");
  record_->Set(other);
  Settle();
  EXPECT_EQ(deleted_, 1);
  EXPECT_EQ(State(), v1::DELIVERY_STATE_UNSPECIFIED);
}

}  // namespace
}  // namespace tcptool::fleet
