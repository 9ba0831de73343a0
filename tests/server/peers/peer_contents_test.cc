// What other nodes may have from here, and for how long it is kept.
#include "server/peers/peer_contents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "tests/server/hanging_root.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::server {
namespace {

using dataplane::ContentEnd;
using dataplane::ManifestOf;
using testing::HasSubstr;

class PeerContentsTest : public ServingNode {
 protected:
  using ServingNode::ServingNode;
  // Before what they are found in.
  ~PeerContentsTest() override { contents_->Stop(); }

  PeerContents::Found Find(const std::string& name) {
    return Wait<PeerContents::Found>(
        [&](auto done) { contents_->Find(name, done); });
  }
  // It has all digests and the end of TheContent().
  static void ExpectTheContent(const PeerContent& content) {
    const auto manifest = ManifestOf(TheContent());
    ASSERT_TRUE(WaitUntil([&] { return content.end().has_value(); }))
        << content.error();
    EXPECT_EQ(content.end(),
              (ContentEnd{.length = manifest.length, .root = Root(manifest)}));
    EXPECT_EQ(content.Digests(0, 100), manifest.blocks);
    EXPECT_EQ(content.Digests(1, 2).size(), 2u);
    EXPECT_EQ(content.length(), TheContent().size());
    EXPECT_TRUE(content.error().ok());
  }

  const std::shared_ptr<PeerContents> contents_ =
      std::make_shared<PeerContents>(parts());
};

TEST_F(PeerContentsTest, NamesThatAreNone) {
  EXPECT_TRUE(absl::IsNotFound(Find("sessions/none").status()));
  EXPECT_TRUE(absl::IsNotFound(Find("receptions/none").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Find("files/file").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Find("").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(Find("distributions/-").status()));
}

TEST_F(PeerContentsTest, SessionThatHasEndedHasNone) {
  const std::string session = Serve();
  auto content = Find(session);
  ASSERT_TRUE(content.ok()) << content.status();
  ExpectTheContent(**content);
  CancelSession(session);
  ASSERT_TRUE(WaitUntil([&] { return !(*content)->error().ok(); }));
  EXPECT_TRUE(absl::IsFailedPrecondition((*content)->error()));
  const absl::Status status = Find(session).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("CANCELLED"));
}

TEST_F(PeerContentsTest, StreamCannotBeHad) {
  v1::CreateSessionRequest request;
  request.mutable_session()->mutable_spec()->mutable_upload();
  const auto session = Wait<absl::StatusOr<v1::Session>>(
      [&](auto done) { sessions_->Create(request, "", done); });
  ASSERT_TRUE(session.ok()) << session.status();
  const absl::Status status = Find(session->name()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("stream"));
}

TEST_F(PeerContentsTest, ReceptionThatRuns) {
  ScriptedSender sender;
  const auto reception =
      Receiving(sender, "file", TheContent().substr(0, 2 * kManifestBlock + 1));
  const auto content = Find(reception.name());
  ASSERT_TRUE(content.ok()) << content.status();
  ASSERT_TRUE(WaitUntil([&] { return (*content)->Digests(0, 9).size() == 2; }));
  EXPECT_EQ((*content)->end(), std::nullopt);
  EXPECT_EQ((*content)->length(), std::nullopt);
  ASSERT_TRUE(sender.Send(TheContent().substr(2 * kManifestBlock + 1)));
  sender.End();
  ExpectTheContent(**content);
}

TEST_F(PeerContentsTest, ReceptionThatFailsOrIsCancelled) {
  ScriptedSender sender;
  const auto lost = Receiving(sender, "lost", "a part");
  const auto content = Find(lost.name());
  ASSERT_TRUE(content.ok()) << content.status();
  sender.Reset();
  ASSERT_TRUE(WaitUntil([&] { return !(*content)->error().ok(); }));
  EXPECT_TRUE(absl::IsAborted((*content)->error())) << (*content)->error();
  WaitForEnd(lost.name());
  EXPECT_TRUE(absl::IsFailedPrecondition(Find(lost.name()).status()));

  const auto cancelled = Receiving(sender, "cancelled", "a part");
  ASSERT_TRUE(Cancel(cancelled.name()).ok());
  WaitForEnd(cancelled.name());
  EXPECT_TRUE(absl::IsFailedPrecondition(Find(cancelled.name()).status()));
}

TEST_F(PeerContentsTest, FileThatWasReceived) {
  const auto content = Find(Receive());
  ASSERT_TRUE(content.ok()) << content.status();
  ExpectTheContent(**content);
}

TEST_F(PeerContentsTest, FileThatHasChangedSinceIsNotGiven) {
  const std::string reception = Receive();
  std::string changed = TheContent();
  changed[kManifestBlock] ^= 1;
  folder_.Put("received", changed);
  const auto content = Find(reception);
  ASSERT_TRUE(content.ok()) << content.status();
  ASSERT_TRUE(WaitUntil([&] { return !(*content)->error().ok(); }));
  EXPECT_TRUE(absl::IsDataLoss((*content)->error())) << (*content)->error();
  EXPECT_EQ((*content)->end(), std::nullopt);
  EXPECT_TRUE((*content)->Digests(0, 100).empty());
  // Nor is it kept.
  const auto again = Find(reception);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(*again, *content);
}

TEST_F(PeerContentsTest, FileThatIsGone) {
  const std::string reception = Receive();
  std::filesystem::remove(folder_.path("received"));
  EXPECT_FALSE(Find(reception).ok());
}

TEST_F(PeerContentsTest, IsKeptForAWhileAfterItsLastUse) {
  const std::string reception = Receive();
  const auto now = PeerContents::Clock::now();
  std::shared_ptr<PeerContent> used = *Find(reception);
  EXPECT_EQ(*Find(reception), used);
  // While somebody has it.
  contents_->Purge(now + 2 * PeerContents::kKept);
  EXPECT_EQ(*Find(reception), used);
  const std::weak_ptr<PeerContent> content = std::exchange(used, nullptr);
  // The thread that has found it has it a little longer.
  ASSERT_TRUE(WaitUntil([&] { return content.use_count() == 1; }));
  contents_->Purge(now + 3 * PeerContents::kKept -
                   std::chrono::milliseconds(1));
  EXPECT_FALSE(content.expired());
  contents_->Purge(now + 3 * PeerContents::kKept);
  EXPECT_TRUE(content.expired());
}

// Each has an open file.
TEST_F(PeerContentsTest, LeastRecentlyUsedMakesRoom) {
  const auto contents = std::make_shared<PeerContents>(parts(), 2);
  const auto find = [&](const std::string& name) {
    return *Wait<PeerContents::Found>(
        [&](auto done) { contents->Find(name, done); });
  };
  // Until the thread that has found it has let go of it.
  const auto use = [&](const std::string& name) {
    const std::weak_ptr<PeerContent> content = find(name);
    EXPECT_TRUE(WaitUntil([&] { return content.use_count() <= 1; }));
    return content;
  };
  std::vector<std::string> names;
  for (const char* path : {"0", "1", "2", "3", "4"}) {
    names.push_back(Receive(path));
  }
  const std::shared_ptr<PeerContent> followed = find(names[0]);
  const auto first = use(names[1]);
  const auto second = use(names[2]);
  use(names[1]);
  const auto third = use(names[3]);
  contents->Purge(PeerContents::Clock::now());
  EXPECT_TRUE(second.expired());
  EXPECT_FALSE(first.expired());
  EXPECT_FALSE(third.expired());
  // Nor does it wait for Purge(): three are not followed when the last comes.
  use(names[2]);
  use(names[4]);
  EXPECT_TRUE(first.expired());
  EXPECT_FALSE(third.expired());
  EXPECT_EQ(find(names[0]), followed);
  contents->Stop();
}

// However few of them nodes follow at a time: what is being followed, or kept,
// has its file open.
TEST_F(PeerContentsTest, FilesLeaveTheReservedDescriptorsToTheService) {
  const auto contents = std::make_shared<PeerContents>(
      parts(), 9, ReservedFiles::Limits{.first_reserved = 0, .most = 1});
  const auto find = [&](const std::string& name) {
    return Wait<PeerContents::Found>(
        [&](auto done) { contents->Find(name, done); });
  };
  const std::string running = Serve();
  const std::string first = Receive("0");
  const std::string second = Receive("1");
  EXPECT_TRUE(find(first).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(find(second).status()));
  EXPECT_TRUE(find(first).ok());
  EXPECT_TRUE(find(running).ok());
  // It can be had once nobody has followed the other one for long enough.
  auto now = PeerContents::Clock::now();
  EXPECT_TRUE(WaitUntil([&] {
    contents->Purge(now += 2 * PeerContents::kKept);
    return find(second).ok();
  }));
  contents->Stop();
}

// Its digests cost as much as the content.
TEST_F(PeerContentsTest, SessionsIsKeptAsLongAsTheSession) {
  const std::string session = Serve();
  const std::weak_ptr<PeerContent> content = *Find(session);
  const auto now = PeerContents::Clock::now();
  contents_->Purge(now + 2 * PeerContents::kKept);
  contents_->Purge(now + 4 * PeerContents::kKept);
  EXPECT_FALSE(content.expired());
  CancelSession(session);
  EXPECT_TRUE(WaitUntil([&] {
    contents_->Purge(now);
    return content.expired();
  }));
}

TEST_F(PeerContentsTest, AfterTheStopThereAreNone) {
  const std::string session = Serve();
  const std::weak_ptr<PeerContent> content = *Find(session);
  contents_->Stop();
  EXPECT_TRUE(WaitUntil([&] { return content.expired(); }));
  EXPECT_TRUE(absl::IsUnavailable(Find(session).status()));
}

class HangingContentsTest : public PeerContentsTest {
 protected:
  HangingContentsTest() : PeerContentsTest({}, absl::Hours(1)) {}

  const HangingRoot disk_{roots_, "disk"};
};

TEST_F(HangingContentsTest, AnswerAfterTheStopNeedsNothingThatHasGone) {
  const std::string reception = Receive();
  disk_.Hang();
  std::promise<absl::Status> answer;
  contents_->Find(reception, [&answer](const PeerContents::Found& found) {
    answer.set_value(found.status());
  });
  contents_->Stop();
  sessions_.reset();
  Stop();
  const absl::Status status = answer.get_future().get();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  disk_.Answer();
  disk_.WaitUntilDone();
}

// As a node of a fleet has it.
class DistributedContentsTest : public PeerContentsTest {
 protected:
  ~DistributedContentsTest() override { fleet_contents_->Stop(); }

  PeerContents::Found FindDistribution(const std::string& id) {
    return Wait<PeerContents::Found>([&](auto done) {
      fleet_contents_->Find(absl::StrCat("distributions/", id), done);
    });
  }
  PeerContents::Service parts_in_fleet() {
    PeerContents::Service service = parts();
    service.distributions = &places_;
    return service;
  }

  DistributedContents places_;
  const std::shared_ptr<PeerContents> fleet_contents_ =
      std::make_shared<PeerContents>(parts_in_fleet());
};

TEST_F(DistributedContentsTest, NodeInNoFleetHasNone) {
  EXPECT_TRUE(absl::IsNotFound(Find("distributions/d").status()));
}

// Those whose parent it is to be may have heard of that earlier.
TEST_F(DistributedContentsTest, UnknownOneMayCome) {
  EXPECT_TRUE(absl::IsNotFound(FindDistribution("d").status()));
}

TEST_F(DistributedContentsTest, ReceptionOfIt) {
  const std::string reception = Receive();
  places_.Set("d", {.revision = 1, .where = reception});
  const auto content = FindDistribution("d");
  ASSERT_TRUE(content.ok()) << content.status();
  ExpectTheContent(**content);
  places_.Remove("d", 2);
  EXPECT_TRUE(FindDistribution("d").ok()) << "That was another one.";
  places_.Remove("d", 1);
  EXPECT_TRUE(absl::IsNotFound(FindDistribution("d").status()));
}

// Receptions are made one after the other, and anew where they have failed:
// children that gave up for that would be lost.
TEST_F(DistributedContentsTest, ReceptionThatIsYetToBeginMayCome) {
  places_.Set("d", {.revision = 1, .where = std::string("receptions/later")});
  EXPECT_TRUE(absl::IsNotFound(FindDistribution("d").status()));

  ScriptedSender sender;
  const std::string reception =
      Receiving(sender, "of the fleet", "a part").name();
  ASSERT_TRUE(Cancel(reception).ok());
  places_.Set("d", {.revision = 1, .where = reception});
  EXPECT_TRUE(absl::IsFailedPrecondition(Find(reception).status()));
  EXPECT_TRUE(absl::IsUnavailable(FindDistribution("d").status()));
}

TEST_F(DistributedContentsTest, FileThatItIsMadeFrom) {
  using File = DistributedContents::File;
  places_.Set("d", {.revision = 1, .where = File{"files", "file"}});
  const auto content = FindDistribution("d");
  ASSERT_TRUE(content.ok()) << content.status();
  ExpectTheContent(**content);
  EXPECT_EQ(*FindDistribution("d"), *content) << "It is read once.";

  // Another distribution of that name has another file.
  files_.Put("other", "another content");
  places_.Set("d", {.revision = 2, .where = File{"files", "other"}});
  const auto other = FindDistribution("d");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ((*other)->length(), 15u);
  places_.Set("d", {.revision = 3, .where = File{"files", "none"}});
  EXPECT_TRUE(absl::IsNotFound(FindDistribution("d").status()));
}

// If it were opened anew before whoever offers it knows, children would be
// given what it is now.
TEST_F(DistributedContentsTest, FileThatHasChangedIsNotGivenWhileItIsOffered) {
  // It takes a while to read it.
  constexpr uintmax_t kSize = uintmax_t{16} << 30;
  std::filesystem::resize_file(files_.path("file"), kSize);
  places_.Set("d", {.revision = 1,
                    .where = DistributedContents::File{"files", "file"}});
  auto offered = FindDistribution("d");
  ASSERT_TRUE(offered.ok()) << offered.status();
  std::filesystem::resize_file(files_.path("file"), kSize - 1);
  ASSERT_TRUE(WaitUntil([&] { return !(*offered)->error().ok(); }));
  fleet_contents_->Purge(PeerContents::Clock::now());
  // UNAVAILABLE, until whoever hashes it has seen it too.
  EXPECT_TRUE(WaitUntil([&] {
    const absl::Status status = FindDistribution("d").status();
    EXPECT_FALSE(status.ok());
    return absl::IsDataLoss(status);
  }));
  // It is offered no more.
  offered = absl::UnavailableError("");
  EXPECT_TRUE(WaitUntil([&] {
    fleet_contents_->Purge(PeerContents::Clock::now());
    return FindDistribution("d").ok();
  }));
}

}  // namespace
}  // namespace tcptool::server
