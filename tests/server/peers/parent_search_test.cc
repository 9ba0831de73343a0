// Whom a reception's link takes for one who has the content: not who has it
// from this reception, has nobody to receive it from, or says what cannot be.
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "server/peers/follow_path.h"
#include "tests/server/peers/parent_links.h"

namespace tcptool::server {
namespace {

// A node that is served through others, the nearest first.
ScriptedNode::Script Through(const ScriptedSender& data,
                             const std::vector<std::string>& path) {
  return [&data, path](const FollowRequest&, grpc::ServerContext& context,
                       grpc::ServerWriter<FollowResponse>& writer) {
    FollowResponse response = TicketFor(data);
    *response.mutable_path()->mutable_nodes() = {path.begin(), path.end()};
    writer.Write(response);
    return Hold(context);
  };
}

// A node whose content has so many bytes.
ScriptedNode::Script EndsAt(const ScriptedSender& data, int64_t length) {
  return [serve = Serve(data), length](
             const FollowRequest& request, grpc::ServerContext& context,
             grpc::ServerWriter<FollowResponse>& writer) {
    if (request.offset() <= length) return serve(request, context, writer);
    return grpc::Status(grpc::StatusCode::OUT_OF_RANGE, "it ends before");
  };
}

TEST_F(ParentLinkTest, NobodyFollowsItself) {
  const ScriptedNode itself(Through(data_, {"child", "other"}));
  const ScriptedNode serves(Serve(data_));
  Open({itself.node(), serves.node()}, absl::Hours(1));
  EXPECT_TRUE(Connect(0).ok());
  EXPECT_EQ(serves.requests().size(), 1u);
  Open({itself.node()}, absl::Hours(1));
  EXPECT_TRUE(absl::IsFailedPrecondition(Connect(0).status()));
}

// The node that follows may find another one to receive from.
TEST_F(ParentLinkTest, CircleIsNoRefusalUntilTheWaitIsOver) {
  const ScriptedNode refuses(Refuse(grpc::StatusCode::NOT_FOUND));
  const ScriptedNode circle(Through(data_, {"other", "child"}));
  Open({refuses.node(), circle.node()}, absl::Seconds(3),
       {.choice = {.first_pause = std::chrono::milliseconds(10)}});
  EXPECT_FALSE(Connect(0).ok());
  EXPECT_GE(circle.requests().size(), 2u);
  EXPECT_TRUE(link_->route().is_stranded);
}

TEST_F(ParentLinkTest, WhoHasNobodyToReceiveFromIsLeftForWhoHas) {
  FollowResponse alone;
  alone.set_stranded(true);
  ScriptedSender rest;
  const ScriptedNode stranded(Serve(rest, alone, alone));
  const ScriptedNode too(Serve(rest, alone, alone));
  const ScriptedNode circle(Through(rest, {"stranded", "child"}));
  const ScriptedNode serves(Serve(data_));
  Open({stranded.node(), circle.node(), too.node(), serves.node()},
       absl::Hours(1), {.choice = {.stranded = std::chrono::milliseconds(10)}});
  ASSERT_TRUE(Connect(0).ok());
  const absl::Status left = WaitUntilLeft();
  EXPECT_TRUE(absl::IsUnavailable(left)) << left;
  ASSERT_TRUE(Connect(7, left).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  EXPECT_EQ(serves.requests().back().offset(), 7);
  // Whether it has somebody by now.
  EXPECT_TRUE(Happens([&] { return stranded.requests().size() >= 2; }));
  EXPECT_EQ(circle.requests().size(), 1u);
  position_ = 8;
  EXPECT_TRUE(Happens([this] { return !link_->route().is_stranded; }));
}

TEST_F(ParentLinkTest, WhoSendsNothingOfWhatItHasIsLeftForWhoHasIt) {
  FollowResponse some;
  some.set_watermark(1);
  FollowResponse more;
  more.set_watermark(100);
  ScriptedSender nothing;
  const ScriptedNode silent(Serve(nothing, more, more));
  const ScriptedNode behind(Serve(data_, some, some));
  const ScriptedNode serves(Serve(data_, more, more));
  Open({silent.node(), behind.node(), serves.node()}, absl::Hours(1),
       {.choice = {.no_bytes = std::chrono::milliseconds(10)}});
  position_ = 1;
  ASSERT_TRUE(Connect(0).ok());
  // Something comes.
  ASSERT_TRUE(Happens([this] { return looks_at_position_ >= 20; }));
  EXPECT_EQ(behind.requests().size(), 0u);
  is_silent_ = true;
  const absl::Status left = WaitUntilLeft();
  is_silent_ = false;
  EXPECT_TRUE(absl::IsDeadlineExceeded(left)) << left;
  ASSERT_TRUE(Connect(0, left).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  EXPECT_EQ(silent.requests().size(), 1u);
  EXPECT_EQ(behind.requests().size(), 1u);
}

// As a relay whose disk hangs does, until its children have what it has.
TEST_F(ParentLinkTest, WhoSendsNothingForLongIsLeftForWhoHasMore) {
  FollowResponse some;
  some.set_watermark(1);
  FollowResponse more;
  more.set_watermark(100);
  ScriptedSender nothing;
  const ScriptedNode hangs(Serve(nothing, some, some));
  const ScriptedNode too(Serve(nothing, some, some));
  const ScriptedNode says_nothing(Serve(nothing));
  const ScriptedNode serves(Serve(data_, more, more));
  Open({hangs.node(), too.node(), says_nothing.node(), serves.node()},
       absl::Hours(1), {.choice = {.idle = std::chrono::milliseconds(10)}});
  position_ = 1;
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([this] { return looks_at_position_ >= 20; }));
  EXPECT_EQ(too.requests().size(), 0u) << "Something comes.";
  is_silent_ = true;
  const absl::Status left = WaitUntilLeft();
  is_silent_ = false;
  EXPECT_TRUE(absl::IsDeadlineExceeded(left)) << left;
  EXPECT_FALSE(link_->route().is_stranded);
  ASSERT_TRUE(Connect(1, left).ok());
  EXPECT_EQ(data_.AcceptAndReadByte(), 't');
  EXPECT_EQ(hangs.requests().size(), 1u);
}

// All has come, but not all that it is to be compared with.
TEST_F(ParentLinkTest, WhoSaysNoMoreForLongIsLeftForWhoDoes) {
  FollowResponse all;
  all.set_watermark(1);
  FollowResponse end = all;
  end.set_digests(std::string(32, 'd'));
  end.mutable_end()->set_length(1);
  end.mutable_end()->set_root(std::string(32, 'r'));
  const ScriptedNode hangs(Serve(data_, all, all));
  const ScriptedNode tells([&](const FollowRequest&,
                               grpc::ServerContext& context,
                               grpc::ServerWriter<FollowResponse>& writer) {
    writer.Write(end);
    return Hold(context);
  });
  Open({hangs.node(), tells.node()}, absl::Hours(1),
       {.choice = {.idle = std::chrono::milliseconds(10)}});
  position_ = 1;
  is_silent_ = true;
  ASSERT_TRUE(Connect(0).ok());
  // Nobody leaves the connection, as nothing more is to come on it.
  ASSERT_TRUE(Happens([this] {
    absl::MutexLock lock(&mutex_);
    return end_.has_value();
  }));
  EXPECT_FALSE(tells.requests().back().has_offset());
}

// As one that has sent more than the content, which is another, and no end.
TEST_F(ParentLinkTest, WhoSendsNothingIsLeftForOneWhoseContentIsShorter) {
  FollowResponse more;
  more.set_watermark(100 * kManifestBlock);
  const ScriptedNode longer(Serve(data_, more, more));
  const ScriptedNode shorter(EndsAt(data_, kManifestBlock));
  Open({longer.node(), shorter.node()}, absl::Hours(1),
       {.choice = {.no_bytes = std::chrono::milliseconds(10)}});
  ASSERT_TRUE(Connect(0).ok());
  position_ = 7 * kManifestBlock;
  is_silent_ = true;
  const absl::Status left = WaitUntilLeft();
  is_silent_ = false;
  absl::Notification connected;
  on_start_anew_ = [&](const absl::Status& reason) {
    position_ = 0;
    link_->Connect(lane_, 0, reason, [&](const auto& socket) {
      EXPECT_TRUE(socket.ok()) << socket.status();
      connected.Notify();
    });
  };
  Run([&] {
    link_->Connect(lane_, 7 * kManifestBlock, left,
                   [](const auto&) { ADD_FAILURE() << "It has none of it."; });
  });
  ASSERT_TRUE(connected.WaitForNotificationWithTimeout(kDeadline));
  EXPECT_EQ(shorter.requests().back().offset(), 0);
  EXPECT_EQ(longer.requests().size(), 1u);
}

TEST_F(ParentLinkTest, WhoHasNobodyToReceiveFromStaysWhereNobodyElseIs) {
  FollowResponse alone;
  alone.set_stranded(true);
  const ScriptedNode stranded(Serve(data_, alone));
  const ScriptedNode refuses(Refuse(grpc::StatusCode::NOT_FOUND));
  Open({stranded.node(), refuses.node()}, absl::Hours(1),
       {.choice = {.first_pause = std::chrono::milliseconds(10),
                   .stranded = std::chrono::milliseconds(10)}});
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([&] { return refuses.requests().size() >= 2; }));
  EXPECT_TRUE(Happens([this] { return link_->route().is_stranded; }));
  EXPECT_EQ(stranded.requests().size(), 1u);
  absl::MutexLock lock(&mutex_);
  EXPECT_TRUE(left_.ok());
  EXPECT_TRUE(given_up_.ok());
}

TEST_F(ParentLinkTest, WhoSaysWhatCannotBeIsAskedNoMore) {
  const ScriptedNode liar(Serve(data_));
  const ScriptedNode other(Serve(data_));
  const absl::Status lie = absl::FailedPreconditionError("a wrong root");
  const absl::Status reset = absl::UnavailableError("reset");
  Open({liar.node(), other.node()}, absl::Hours(1),
       {.choice = {.first_pause = std::chrono::milliseconds(1)}});
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Connect(0, lie).ok());
  ASSERT_TRUE(Connect(0, reset).ok());
  ASSERT_TRUE(Connect(0, reset).ok());
  EXPECT_EQ(liar.requests().size(), 1u);
  EXPECT_EQ(other.requests().size(), 3u);
  const absl::Status status =
      Connect(0, absl::FailedPreconditionError("another one")).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  for (const std::string& said :
       {liar.node().target.port, std::string("a wrong root"),
        other.node().target.port, std::string("another one")}) {
    EXPECT_NE(status.message().find(said), absl::string_view::npos) << status;
  }
}

TEST_F(ParentLinkTest, WhoContradictsOthersIsAskedForAllThatItSays) {
  FollowResponse more;
  more.set_digests(std::string(64, 'd'));
  const ScriptedNode one(Serve(data_, more));
  const ScriptedNode other(Serve(data_));
  const absl::Status wrong = absl::FailedPreconditionError("a wrong root");
  Open({one.node(), other.node()}, absl::Hours(1));
  ASSERT_TRUE(Connect(0).ok());
  ASSERT_TRUE(Happens([this] {
    absl::MutexLock lock(&mutex_);
    return told_ == 2;
  }));
  ASSERT_TRUE(Connect(kManifestBlock, absl::UnavailableError("reset")).ok());
  EXPECT_EQ(other.requests().back().first_block(), 2);
  ASSERT_TRUE(Connect(kManifestBlock, wrong).ok());
  EXPECT_EQ(other.requests().size(), 2u);
  EXPECT_EQ(other.requests().back().first_block(), 0);
  EXPECT_EQ(other.requests().back().offset(), kManifestBlock);
  // Now all of it is its own.
  ASSERT_TRUE(Connect(kManifestBlock, wrong).ok());
  EXPECT_EQ(one.requests().size(), 2u);
  EXPECT_EQ(one.requests().back().first_block(), 0);
}

TEST_F(ParentLinkTest, TellsWhomTheContentComesThrough) {
  FollowResponse more;
  *more.mutable_path()->add_nodes() = "parent";
  const ScriptedNode node(Serve(data_, more));
  Open({node.node()}, absl::Seconds(60));
  EXPECT_EQ(link_->route().path, std::vector<std::string>{"child"});
  ASSERT_TRUE(Connect(0).ok());
  const std::vector<std::string> path = {"child", "parent"};
  EXPECT_TRUE(Happens([&] { return link_->route().path == path; }));
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
  EXPECT_TRUE(refused(1, kLongestName + 1));
  EXPECT_FALSE(refused(kLongestPath - 1, kLongestName));
}

// Some of them may go, or receive it from elsewhere.
TEST_F(ParentLinkTest, PathThatIsTooLongIsNoRefusalUntilTheWaitIsOver) {
  const ScriptedNode node(
      Through(data_, std::vector<std::string>(kLongestPath, "x")));
  Open({node.node()}, absl::Seconds(3),
       {.choice = {.first_pause = std::chrono::milliseconds(10)}});
  EXPECT_TRUE(absl::IsAborted(Connect(0).status()));
  EXPECT_GE(node.requests().size(), 2u);
}

}  // namespace
}  // namespace tcptool::server
