// A reception's link to the nodes that it receives from: whom it asks for what,
// and when it gives up.
#include "server/peers/parent_link.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "server/peers/told_content.h"
#include "tests/server/peers/parent_links.h"

namespace tcptool::server {
namespace {

TEST_F(ParentLinkTest, ConnectsWithTheTicketAndTellsWhatIsSaid) {
  FollowResponse more;
  more.set_digests(std::string(64, 'd'));
  more.set_length(kManifestBlock + 9);
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
  EXPECT_EQ(length_, kManifestBlock + 9);  // As far as it was known before.
  EXPECT_EQ(end_->length, kManifestBlock + 1);
  const FollowRequest request = node.requests().front();
  EXPECT_EQ(request.name(), "sessions/s");
  EXPECT_EQ(request.node(), "child");
  EXPECT_EQ(request.offset(), 7);
  EXPECT_EQ(request.first_block(), 0);
  EXPECT_EQ(request.fleet_node(), "lab1");
  EXPECT_FALSE(request.tls());
}

TEST_F(ParentLinkTest, WhoRefusesIsAskedOnceAndTheFallbackServes) {
  const ScriptedNode refuses(Refuse(grpc::StatusCode::NOT_FOUND));
  const ScriptedNode serves(Serve(data_));
  Open({refuses.node(), serves.node()}, absl::Seconds(60));
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(refuses.requests().size(), 1u);
}

// Its parent hears of the distribution later than it does.
TEST_F(ParentLinkTest, ParentThatHasNotBegunIsWaitedFor) {
  std::atomic<int> calls = 0;
  const ScriptedNode::Script serve = Serve(data_);
  const ScriptedNode later(
      [&calls, &serve](const FollowRequest& request,
                       grpc::ServerContext& context,
                       grpc::ServerWriter<FollowResponse>& writer) {
        if (++calls < 3) return grpc::Status(grpc::StatusCode::NOT_FOUND, "");
        return serve(request, context, writer);
      });
  const ScriptedNode fallback(Serve(data_));
  std::vector<NodePlan::Node> nodes = {later.node(), fallback.node()};
  for (NodePlan::Node& node : nodes) node.name = "distributions/d";
  ParentLink::Timing timing;
  timing.choice.not_begun = std::chrono::hours(1);
  Open(nodes, absl::Hours(1), timing);
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(later.requests().size(), 3u);
  EXPECT_EQ(fallback.requests().size(), 0u);
  EXPECT_TRUE(moves_.Take("receptions/r").empty());
}

TEST_F(ParentLinkTest, LengthThatCannotBeIsARefusal) {
  for (const int64_t length :
       {int64_t{-1},
        static_cast<int64_t>(ToldContent::kMostBlocks * kManifestBlock + 1)}) {
    FollowResponse wrong;
    wrong.set_length(length);
    const ScriptedNode lies(
        [&wrong](const FollowRequest&, grpc::ServerContext& context,
                 grpc::ServerWriter<FollowResponse>& writer) {
          FollowResponse first = wrong;
          // Of a port that nobody listens on.
          first.mutable_ticket()->set_secret(std::string(32, 't'));
          first.mutable_ticket()->set_port(1);
          writer.Write(first);
          return Hold(context);
        });
    const ScriptedNode serves(Serve(data_));
    Open({lies.node(), serves.node()}, absl::Seconds(60));
    EXPECT_TRUE(Connect(0).ok());
    EXPECT_EQ(lies.requests().size(), 1u);
    EXPECT_EQ(serves.requests().size(), 1u);
  }
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
  Open({busy.node()}, absl::Seconds(3),
       {.choice = {.first_pause = std::chrono::milliseconds(10)}});
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
       {.silence = std::chrono::seconds(10)});
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
       {.silence = std::chrono::seconds(10)});
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

TEST_F(ParentLinkTest, WhoSendsBadBlocksIsAskedNoMore) {
  const ScriptedNode one(Serve(data_));
  const ScriptedNode other(Serve(data_));
  const absl::Status bad = absl::DataLossError("a bad block");
  Open({one.node(), other.node()}, absl::Hours(1),
       {.choice = {.first_pause = std::chrono::milliseconds(1)}});
  absl::Status status = Connect(0).status();
  for (int i = 0; i < 20 && status.ok(); ++i) {
    // Each block from both of them.
    status = Connect((1 + i / 2) * kManifestBlock, bad).status();
  }
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_EQ(one.requests().size(), 3u);
  EXPECT_EQ(other.requests().size(), 3u);
}

// The one who sends it is not at fault if the digest was another's.
TEST_F(ParentLinkTest, WhoseBlockIsNotWhatAnotherSaidIsAskedForItsDigest) {
  FollowResponse more;
  more.set_digests(std::string(64, 'd'));
  const ScriptedNode one(Serve(data_, more));
  const ScriptedNode other(Serve(data_));
  Open({one.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([this] {
    absl::MutexLock lock(&mutex_);
    return told_ == 2;
  }));
  ASSERT_TRUE(Connect(0, absl::UnavailableError("reset")).ok());
  ASSERT_TRUE(Connect(kManifestBlock, absl::DataLossError("bad")).ok());
  EXPECT_EQ(other.requests().size(), 2u);
  EXPECT_EQ(other.requests().back().first_block(), 1);
  ASSERT_TRUE(Connect(kManifestBlock, absl::DataLossError("bad")).ok());
  EXPECT_EQ(one.requests().size(), 2u);
}

// Or else one node could turn all others into ones that refuse.
TEST_F(ParentLinkTest, DigestsThatAnotherHasToldTooManyAreNoFaultOfTheNext) {
  FollowResponse many;
  many.set_digests(std::string(96, 'd'));
  const ScriptedNode one(Serve(data_, many));
  const ScriptedNode other([this](const FollowRequest& request,
                                  grpc::ServerContext& context,
                                  grpc::ServerWriter<FollowResponse>& writer) {
    FollowResponse all = TicketFor(data_);
    if (request.first_block() == 0) all.set_digests(std::string(64, 'd'));
    all.mutable_end()->set_length(kManifestBlock + 1);
    all.mutable_end()->set_root(std::string(32, 'r'));
    writer.Write(all);
    while (!context.IsCancelled()) {
      writer.Write(FollowResponse());
      absl::SleepFor(absl::Milliseconds(50));
    }
    return grpc::Status::CANCELLED;
  });
  Open({one.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([this] {
    absl::MutexLock lock(&mutex_);
    return told_ == 3;
  }));
  ASSERT_TRUE(Connect(0, absl::UnavailableError("reset")).ok());
  // The reception finds what is wrong; then it is told anew.
  ASSERT_TRUE(Happens([this] {
    absl::MutexLock lock(&mutex_);
    return end_.has_value();
  }));
  ASSERT_TRUE(Connect(0, absl::FailedPreconditionError("too many")).ok());
  EXPECT_EQ(one.requests().size(), 1u);
  EXPECT_EQ(other.requests().size(), 2u);
  EXPECT_EQ(other.requests().back().first_block(), 0);
}

TEST_F(ParentLinkTest, WhoSaysWhatNobodyCouldSayIsAskedNoMore) {
  FollowResponse half;
  half.set_digests(std::string(33, 'd'));
  FollowResponse negative;
  negative.mutable_end()->set_length(-1);
  negative.mutable_end()->set_root(std::string(32, 'r'));
  FollowResponse no_root;
  no_root.mutable_end()->set_length(0);
  FollowResponse too_few;
  too_few.mutable_end()->set_length(1);
  too_few.mutable_end()->set_root(std::string(32, 'r'));
  for (const FollowResponse& lie : {half, negative, no_root, too_few}) {
    SCOPED_TRACE(lie.DebugString());
    FollowResponse first = TicketFor(data_);
    first.MergeFrom(lie);
    const ScriptedNode liar([&first](const FollowRequest&,
                                     grpc::ServerContext& context,
                                     grpc::ServerWriter<FollowResponse>& to) {
      to.Write(first);
      return Hold(context);
    });
    const ScriptedNode other(Serve(data_));
    Open({liar.node(), other.node()}, absl::Hours(1),
         {.choice = {.first_pause = std::chrono::milliseconds(1)}});
    ASSERT_TRUE(Connect(0).ok());
    ASSERT_TRUE(Connect(0, absl::UnavailableError("reset")).ok());
    ASSERT_TRUE(Connect(0, absl::UnavailableError("reset")).ok());
    EXPECT_EQ(liar.requests().size(), 1u);
    Open({liar.node()}, absl::Hours(1));
    const absl::Status status = Connect(0).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    Cancel();
  }
}

TEST_F(ParentLinkTest, WhoTellsDigestsBehindTheEndIsLeft) {
  const ScriptedNode liar([this](const FollowRequest& request,
                                 grpc::ServerContext& context,
                                 grpc::ServerWriter<FollowResponse>& writer) {
    if (request.has_offset()) writer.Write(TicketFor(data_));
    FollowResponse digests;
    digests.set_digests(std::string(64, 'd'));
    FollowResponse all = digests;
    all.mutable_end()->set_length(2 * kManifestBlock);
    all.mutable_end()->set_root(std::string(32, 'r'));
    writer.Write(all);
    writer.Write(digests);
    return Hold(context);
  });
  const ScriptedNode other(Serve(data_));
  Open({liar.node(), other.node()}, absl::Hours(1));
  on_leave_ = [this](const absl::Status& reason) {
    EXPECT_TRUE(absl::IsUnavailable(reason)) << reason;
    link_->Connect(lane_, 7, reason, [](const auto&) {});
  };
  // It may be left before there is a connection, too.
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([&] { return other.requests().size() == 1; }));
  EXPECT_EQ(liar.requests().size(), 1u);
  EXPECT_EQ(other.requests().front().first_block(), 2);
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(told_, 2u);
}

TEST_F(ParentLinkTest, EachIsAskedOnceWithoutAnyWait) {
  const ScriptedNode busy(Refuse(grpc::StatusCode::RESOURCE_EXHAUSTED));
  const ScriptedNode too(Refuse(grpc::StatusCode::RESOURCE_EXHAUSTED));
  const ScriptedNode serves(Serve(data_));
  Open({busy.node(), too.node(), serves.node()}, absl::ZeroDuration());
  EXPECT_TRUE(Connect(0).ok());
  Open({busy.node(), too.node()}, absl::ZeroDuration());
  EXPECT_FALSE(Connect(0).ok());
  EXPECT_EQ(busy.requests().size(), 2u);
  EXPECT_EQ(too.requests().size(), 2u);
}

// Digests without end would fill our memory.
TEST_F(ParentLinkTest, DigestsFarAheadAreAskedForWhenTheirTimeHasCome) {
  constexpr uint64_t kMost = ToldContent::kMostBlocksAhead;
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
  // A look for the ticket, two for each message that was taken, and three for
  // the first that was not.
  ASSERT_TRUE(
      Happens([this] { return looks_at_position_ >= 2 * kMost / 4096 + 4; }));
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

TEST_F(ParentLinkTest, ConnectionsOnWhichNothingComesAreNoProgress) {
  const ScriptedNode node(Serve(data_));
  const absl::Status stalled = absl::DeadlineExceededError("nothing came");
  Open({node.node()}, absl::Milliseconds(200),
       {.choice = {.first_pause = std::chrono::milliseconds(100)}});
  ASSERT_TRUE(Connect(0).ok());
  absl::Status status;
  while (status.ok()) status = Connect(0, stalled).status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
}

}  // namespace
}  // namespace tcptool::server
