// A reception's link to the nodes that it receives from: whom it asks for what,
// and when it gives up.
#include "server/peers/parent_link.h"

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/server/peers/scripted_node.h"

namespace tcptool::server {
namespace {

using dataplane::ContentEnd;
using dataplane::Digest;
using dataplane::kDeadline;
using dataplane::kManifestBlock;
using dataplane::UniqueFd;

class ParentLinkTest : public testing::Test, public dataplane::ContentClaims {
 protected:
  ~ParentLinkTest() override { Cancel(); }

  void Cancel() {
    Run([this] {
      if (link_ != nullptr) link_->Cancel();
    });
  }

  void Open(std::vector<NodePlan::Node> nodes, absl::Duration wait,
            const ParentLink::Timing& timing = {}) {
    Cancel();
    link_ =
        std::make_shared<ParentLink>(NodePlan{.nodes = std::move(nodes),
                                              .wait = wait,
                                              .dead_timeout = absl::Seconds(60),
                                              .id = "child"},
                                     clients_, timing);
    link_->Open(*this);
  }
  absl::StatusOr<UniqueFd> Connect(uint64_t offset,
                                   const absl::Status& lost = {}) {
    absl::StatusOr<UniqueFd> result = absl::UnknownError("");
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      link_->Connect(lane_, offset, lost, [&](absl::StatusOr<UniqueFd> socket) {
        result = std::move(socket);
        done.Notify();
      });
    });
    EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
    return result;
  }
  void Run(const std::function<void()>& task) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      task();
      done.Notify();
    });
    done.WaitForNotification();
  }

  static bool Happens(const std::function<bool()>& what) {
    const absl::Time limit = absl::Now() + kDeadline;
    while (!what() && absl::Now() < limit) {
      absl::SleepFor(absl::Milliseconds(5));
    }
    return what();
  }

  void Expect(uint64_t first, std::vector<Digest> digests) override {
    absl::MutexLock lock(&mutex_);
    first_ = first;
    told_ = first + digests.size();
    digests_ = std::move(digests);
  }
  void ExpectEnd(const ContentEnd& end) override {
    absl::MutexLock lock(&mutex_);
    end_ = end;
  }
  void FallenSilent(const absl::Status& reason) override {
    absl::MutexLock lock(&mutex_);
    fallen_silent_ = reason;
  }
  void GiveUp(const absl::Status& reason) override {
    absl::MutexLock lock(&mutex_);
    given_up_ = reason;
  }
  uint64_t position() const override {
    ++looks_at_position_;
    return position_;
  }

  dataplane::DiskThreads disk_;
  dataplane::Lane lane_{dataplane::SocketApi::Real(), disk_};
  FollowClients clients_{*NodeCredentials::Load({}, {})};
  ScriptedSender data_;
  std::shared_ptr<ParentLink> link_;
  std::atomic<uint64_t> position_{0};
  mutable std::atomic<uint64_t> looks_at_position_{0};
  absl::Mutex mutex_;
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 99;
  uint64_t told_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Digest> digests_ ABSL_GUARDED_BY(mutex_);
  std::optional<ContentEnd> end_ ABSL_GUARDED_BY(mutex_);
  absl::Status fallen_silent_ ABSL_GUARDED_BY(mutex_);
  absl::Status given_up_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(ParentLinkTest, ConnectsWithTheTicketAndTellsWhatIsSaid) {
  FollowResponse more;
  more.set_digests(std::string(64, 'd'));
  more.mutable_end()->set_length(kManifestBlock + 1);
  more.mutable_end()->set_root(std::string(32, 'r'));
  const ScriptedNode node(Serve(data_, more));
  Open({node.node()}, absl::Seconds(60));
  ASSERT_TRUE(Connect(7).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  const auto is_told = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return end_.has_value();
  };
  absl::MutexLock lock(&mutex_);
  ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&is_told), kDeadline));
  EXPECT_EQ(first_, 0u);
  EXPECT_EQ(digests_.size(), 2u);
  EXPECT_EQ(end_->length, kManifestBlock + 1);
  const FollowRequest request = node.requests().front();
  EXPECT_EQ(request.name(), "sessions/s");
  EXPECT_EQ(request.node(), "child");
  EXPECT_EQ(request.offset(), 7);
  EXPECT_EQ(request.first_block(), 0);
}

TEST_F(ParentLinkTest, WhoRefusesIsAskedOnceAndTheFallbackServes) {
  const ScriptedNode refuses(Refuse(grpc::StatusCode::NOT_FOUND));
  const ScriptedNode serves(Serve(data_));
  Open({refuses.node(), serves.node()}, absl::Seconds(60));
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(refuses.requests().size(), 1u);
}

TEST_F(ParentLinkTest, GivesUpAtOnceWhenAllRefuse) {
  const ScriptedNode one(Refuse(grpc::StatusCode::NOT_FOUND));
  const ScriptedNode other(Refuse(grpc::StatusCode::PERMISSION_DENIED));
  Open({one.node(), other.node()}, absl::Hours(1));
  const absl::Status status = Connect(0).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_EQ(one.requests().size(), 1u);
  EXPECT_EQ(other.requests().size(), 1u);
}

TEST_F(ParentLinkTest, TriesAgainUntilTheWaitIsOver) {
  const ScriptedNode busy(Refuse(grpc::StatusCode::RESOURCE_EXHAUSTED));
  Open({busy.node()}, absl::Milliseconds(300),
       {.first_pause = std::chrono::milliseconds(10)});
  EXPECT_TRUE(absl::IsResourceExhausted(Connect(0).status()));
  EXPECT_GE(busy.requests().size(), 2u);
}

TEST_F(ParentLinkTest, WhoSaysNothingIsGivenUp) {
  const ScriptedNode silent(
      [](const FollowRequest&, grpc::ServerContext& context,
         grpc::ServerWriter<FollowResponse>&) { return Hold(context); });
  Open({silent.node()}, absl::ZeroDuration(),
       {.first_message = std::chrono::milliseconds(100)});
  EXPECT_TRUE(absl::IsDeadlineExceeded(Connect(0).status()));
}

TEST_F(ParentLinkTest, WhoFallsSilentIsGivenUpThoughTheConnectionLasts) {
  const ScriptedNode silent([this](const FollowRequest& request,
                                   grpc::ServerContext& context,
                                   grpc::ServerWriter<FollowResponse>& writer) {
    if (request.has_offset()) writer.Write(TicketFor(data_));
    return Hold(context);
  });
  Open({silent.node()}, absl::ZeroDuration(),
       {.silence = std::chrono::seconds(2)});
  ASSERT_TRUE(Connect(0).ok());
  const auto is_given_up = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !given_up_.ok();
  };
  absl::MutexLock lock(&mutex_);
  ASSERT_TRUE(
      mutex_.AwaitWithTimeout(absl::Condition(&is_given_up), kDeadline));
  EXPECT_TRUE(absl::IsDeadlineExceeded(given_up_));
}

// As one whose process is stopped does.
TEST_F(ParentLinkTest, ConnectionIsTakenFromWhoFallsSilentToWhoIsFollowed) {
  ScriptedSender stopped;
  const ScriptedNode silent(
      [&stopped](const FollowRequest& request, grpc::ServerContext& context,
                 grpc::ServerWriter<FollowResponse>& writer) {
        if (request.has_offset()) writer.Write(TicketFor(stopped));
        return Hold(context);
      });
  const ScriptedNode serves(Serve(data_));
  Open({silent.node(), serves.node()}, absl::Hours(1),
       {.silence = std::chrono::seconds(2)});
  ASSERT_TRUE(Connect(0).ok());
  {
    const auto is_told = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return !fallen_silent_.ok();
    };
    absl::MutexLock lock(&mutex_);
    ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&is_told), kDeadline));
  }
  ASSERT_TRUE(Connect(7, absl::UnavailableError("nothing came")).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  EXPECT_EQ(serves.requests().back().offset(), 7);
  EXPECT_EQ(silent.requests().size(), 1u);
}

TEST_F(ParentLinkTest, BlockThatIsWrongThreeTimesIsNobodys) {
  const ScriptedNode one(Serve(data_));
  const ScriptedNode other(Serve(data_));
  const absl::Status bad = absl::DataLossError("a bad block");
  Open({one.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Connect(kManifestBlock, bad).ok());
  ASSERT_TRUE(Connect(kManifestBlock, bad).ok());
  EXPECT_TRUE(absl::IsDataLoss(Connect(kManifestBlock, bad).status()));
  EXPECT_EQ(one.requests().size(), 2u);
  EXPECT_EQ(other.requests().size(), 1u);
}

// Digests without end would fill our memory.
TEST_F(ParentLinkTest, DigestsFarAheadAreAskedForWhenTheirTimeHasCome) {
  constexpr uint64_t kMost = ParentLink::kMostBlocksAhead;
  constexpr uint64_t kBlocks = 2 * kMost;
  const ScriptedNode node([this](const FollowRequest& request,
                                 grpc::ServerContext& context,
                                 grpc::ServerWriter<FollowResponse>& writer) {
    if (request.has_offset()) writer.Write(TicketFor(data_));
    uint64_t block = static_cast<uint64_t>(request.first_block());
    FollowResponse digests;
    digests.set_digests(std::string(4096 * sizeof(Digest), 'd'));
    for (; block < kBlocks; block += 4096) writer.Write(digests);
    FollowResponse end;
    end.mutable_end()->set_length(kBlocks * kManifestBlock);
    end.mutable_end()->set_root(std::string(32, 'r'));
    writer.Write(end);
    while (!context.IsCancelled()) {
      writer.Write(FollowResponse());
      absl::SleepFor(absl::Milliseconds(50));
    }
    return grpc::Status::CANCELLED;
  });
  const ScriptedNode other(Serve(data_));
  Open({node.node(), other.node()}, absl::Seconds(60));
  ASSERT_TRUE(Connect(0).ok());
  // A look for each message that was taken, and two for the first that was not.
  ASSERT_TRUE(
      Happens([this] { return looks_at_position_ >= kMost / 4096 + 2; }));
  position_ = (kMost / 2 + 1) * kManifestBlock;
  ASSERT_TRUE(Happens([&node] { return node.requests().size() == 2; }));
  EXPECT_EQ(node.requests().back().first_block(), kMost);
  EXPECT_FALSE(node.requests().back().has_offset());
  // The node may end the connection that came with the call before; it is none
  // to be left for that.
  position_ = kBlocks * kManifestBlock;
  ASSERT_TRUE(Connect(position_, absl::UnavailableError("reset")).ok());
  EXPECT_EQ(node.requests().back().offset(), position_);
  EXPECT_TRUE(other.requests().empty());
  const auto is_told = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return end_.has_value();
  };
  absl::MutexLock lock(&mutex_);
  ASSERT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&is_told), kDeadline));
  EXPECT_EQ(told_, kBlocks);
}

TEST_F(ParentLinkTest, NobodyFollowsItself) {
  const ScriptedNode circle([this](const FollowRequest&,
                                   grpc::ServerContext& context,
                                   grpc::ServerWriter<FollowResponse>& writer) {
    FollowResponse response = TicketFor(data_);
    *response.mutable_path()->add_nodes() = "other";
    *response.mutable_path()->add_nodes() = "child";
    writer.Write(response);
    return Hold(context);
  });
  const ScriptedNode serves(Serve(data_));
  Open({circle.node(), serves.node()}, absl::Hours(1));
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(serves.requests().size(), 1u);
  Open({circle.node()}, absl::Hours(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(Connect(0).status()));
}

TEST_F(ParentLinkTest, TellsWhomTheContentComesThrough) {
  FollowResponse more;
  *more.mutable_path()->add_nodes() = "parent";
  const ScriptedNode node(Serve(data_, more));
  Open({node.node()}, absl::Seconds(60));
  EXPECT_EQ(link_->path(), std::vector<std::string>{"child"});
  ASSERT_TRUE(Connect(0).ok());
  const std::vector<std::string> path = {"child", "parent"};
  EXPECT_TRUE(Happens([&] { return link_->path() == path; }));
}

// Whoever follows this node would refuse it for what its parent has said.
TEST_F(ParentLinkTest, PathsThatCannotBePassedOnAreRefused) {
  const auto refused = [this](int nodes, size_t length) {
    FollowResponse more = TicketFor(data_);
    for (int i = 0; i < nodes; ++i) {
      more.mutable_path()->add_nodes(std::string(length, 'x'));
    }
    const ScriptedNode node(
        [&more](const FollowRequest&, grpc::ServerContext& context,
                grpc::ServerWriter<FollowResponse>& writer) {
          writer.Write(more);
          return Hold(context);
        });
    Open({node.node()}, absl::Hours(1));
    const absl::Status status = Connect(0).status();
    Cancel();
    return absl::IsInvalidArgument(status);
  };
  EXPECT_TRUE(refused(ParentLink::kLongestPath, 1));
  EXPECT_TRUE(refused(1, ParentLink::kLongestName + 1));
  EXPECT_FALSE(refused(ParentLink::kLongestPath - 1, ParentLink::kLongestName));
}

TEST_F(ParentLinkTest, ConnectionsOnWhichNothingComesAreNoProgress) {
  const ScriptedNode node(Serve(data_));
  const absl::Status stalled = absl::DeadlineExceededError("nothing came");
  Open({node.node()}, absl::Milliseconds(200),
       {.first_pause = std::chrono::milliseconds(100)});
  ASSERT_TRUE(Connect(0).ok());
  absl::Status status;
  while (status.ok()) status = Connect(0, stalled).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
}

}  // namespace
}  // namespace tcptool::server
