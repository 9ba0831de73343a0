// What a restart of the service makes of receptions.
#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "dataplane/receiving/file_mark.h"
#include "dataplane/receiving/manifest.h"
#include "messages/states.h"
#include "messages/time.h"
#include "tests/server/error_reason.h"
#include "tests/server/hanging_root.h"
#include "tests/server/receptions/managed_receptions.h"

namespace tcptool::server {
namespace {

class ReceptionRestartTest : public ManagedReceptions {
 protected:
  using ManagedReceptions::ManagedReceptions;

  // The reception as a service that was killed has left it, with its partial
  // file. The manager is stopped.
  v1::Reception LeaveBehind(v1::ReceptionState state) {
    ScriptedSender sender;
    return LeaveBehind(state, RequestOf(sender, "file"), "");
  }
  v1::Reception LeaveBehind(v1::ReceptionState state,
                            v1::CreateReceptionRequest request,
                            const std::string& mark) {
    request.set_reception_id("mine");
    request.set_request_id("request");
    v1::Reception reception;
    reception.set_name("receptions/mine");
    *reception.mutable_spec() = request.reception().spec();
    reception.mutable_spec()->mutable_retention()->set_seconds(3600);
    reception.set_state(state);
    if (!mark.empty()) {
      reception.set_content_length(kWhole.size());
      reception.set_content_root(RootOf(kWhole));
    }
    if (IsFinal(state))
      *reception.mutable_end_time() = ToTimestamp(absl::Now());
    manager_.reset();
    store_->PutReception(reception,
                         {.number = 5, .partial_id = "rpartial", .mark = mark});
    store_.reset();
    folder_.Put(".tcptool-part.rpartial", "some");
    return reception;
  }
  // The same of one that was about to get its name, and has it.
  void LeaveBehindNamed(const v1::CreateReceptionRequest& request) {
    folder_.Put("file", kWhole);
    LeaveBehind(v1::RECEPTION_STATE_VERIFYING, request, MarkOf("file"));
  }
  std::string MarkOf(const std::string& name) const {
    const dataplane::UniqueFd file(
        open(folder_.path(name).c_str(), O_RDONLY | O_CLOEXEC));
    return *dataplane::MarkOf(file.get());
  }
  static std::string RootOf(const std::string& content) {
    return dataplane::ToHex(dataplane::Root(dataplane::ManifestOf(content)));
  }
  static v1::CreateReceptionRequest RequestOfNode() {
    v1::CreateReceptionRequest request;
    v1::ReceptionSpec& spec = *request.mutable_reception()->mutable_spec();
    spec.mutable_node()->set_address("127.0.0.1:1");
    spec.mutable_node()->set_name("sessions/one");
    spec.mutable_destination()->set_root("disk");
    spec.mutable_destination()->set_path("file");
    return request;
  }
  // What comes from other nodes waits until it is stopped.
  static ReceptionManager::Options WithNodes() {
    return {.new_node_upstream = [](const NodePlan&) {
      return LiveReceptions::NodeUpstream{
          .upstream = std::make_unique<SilentUpstream>()};
    }};
  }

  const std::string kWhole = "the whole content";

 private:
  class SilentUpstream : public dataplane::Upstream {
   public:
    bool resumable() const override { return true; }
    void Connect(dataplane::Lane&, uint64_t, const absl::Status&,
                 Done) override {}
    void Cancel() override {}
  };
};

TEST_F(ReceptionRestartTest, OneThatHasItsNameHasSucceeded) {
  ScriptedSender sender;
  for (const auto& request : {RequestOf(sender, "file"), RequestOfNode()}) {
    LeaveBehindNamed(request);
    Start(WithNodes());
    const v1::Reception reception = WaitForEnd("receptions/mine");
    EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_SUCCEEDED);
    // A sender of 2008 was reset.
    EXPECT_EQ(reception.detail().empty(), reception.spec().has_node());
    EXPECT_EQ(reception.bytes_durable(), static_cast<int64_t>(kWhole.size()));
    EXPECT_EQ(reception.content_root(), RootOf(kWhole));
    EXPECT_TRUE(reception.has_end_time());
    EXPECT_TRUE(reception.has_file_change_time());
    EXPECT_NE(reception.file_inode(), 0);
    WaitForNames({"file"});
    EXPECT_EQ(folder_.Get("file"), kWhole);
    // And stays so.
    Start(WithNodes());
    EXPECT_EQ(table_->Get("receptions/mine")->state(),
              v1::RECEPTION_STATE_SUCCEEDED);
    EXPECT_TRUE(Delete("receptions/mine").ok());
  }
}

TEST_F(ReceptionRestartTest, AnotherFileUnderTheNameIsNobodysSuccess) {
  ScriptedSender sender;
  LeaveBehindNamed(RequestOf(sender, "file"));
  std::filesystem::remove(folder_.path("file"));
  folder_.Put("file", "of another process");
  Start();
  const v1::Reception reception = WaitForEnd("receptions/mine");
  EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_INTERRUPTED);
  WaitForNames({"file"});
  EXPECT_EQ(folder_.Get("file"), "of another process");
}

TEST_F(ReceptionRestartTest, OneFromANodeWithoutItsNameGoesOn) {
  LeaveBehindNamed(RequestOfNode());
  std::filesystem::remove(folder_.path("file"));
  Start(WithNodes());
  const v1::Reception reception = WaitFor(
      "receptions/mine",
      [](const v1::Reception& now) { return now.content_root().empty(); });
  EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_CONNECTING);
}

TEST_F(ReceptionRestartTest, OneFromANodeSaysThatItsNameWasNotLookedAt) {
  v1::CreateReceptionRequest request = RequestOfNode();
  request.mutable_reception()->mutable_spec()->mutable_destination()->set_path(
      "sub/file");
  std::filesystem::create_directory(folder_.path("sub"));
  folder_.Put("sub/file", kWhole);
  LeaveBehind(v1::RECEPTION_STATE_VERIFYING, request, MarkOf("sub/file"));
  // It leads out of the root now.
  std::filesystem::rename(folder_.path("sub"), state_.path("moved"));
  std::filesystem::create_directory_symlink(state_.path("moved"),
                                            folder_.path("sub"));
  Start(WithNodes());
  const v1::Reception reception = WaitForEnd("receptions/mine");
  EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_INTERRUPTED);
  EXPECT_NE(reception.detail().find("under the name is not known"),
            std::string::npos)
      << reception.detail();
}

TEST_F(ReceptionRestartTest, AFileOfAnotherTimeIsNobodysSuccess) {
  ScriptedSender sender;
  LeaveBehindNamed(RequestOf(sender, "file"));
  // Written to by another process, with the same length.
  const timespec times[] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1}};
  ASSERT_EQ(utimensat(AT_FDCWD, folder_.path("file").c_str(), times, 0), 0);
  Start();
  EXPECT_EQ(WaitForEnd("receptions/mine").state(),
            v1::RECEPTION_STATE_INTERRUPTED);
}

TEST_F(ReceptionRestartTest, AFileThatIsNotTheContentIsNobodysSuccess) {
  ScriptedSender sender;
  v1::CreateReceptionRequest overwrites = RequestOfNode();
  overwrites.mutable_reception()
      ->mutable_spec()
      ->mutable_destination()
      ->set_overwrite(true);
  for (const auto& request : {RequestOf(sender, "file"), overwrites}) {
    LeaveBehindNamed(request);
    // Written to by another process, which has set back the time of that.
    const std::string before = MarkOf("file");
    struct stat status;
    ASSERT_EQ(stat(folder_.path("file").c_str(), &status), 0);
    std::fstream(folder_.path("file"), std::ios::in | std::ios::out).put('T');
    const timespec times[] = {status.st_atim, status.st_mtim};
    ASSERT_EQ(utimensat(AT_FDCWD, folder_.path("file").c_str(), times, 0), 0);
    ASSERT_EQ(MarkOf("file"), before);
    Start(WithNodes());
    if (request.reception().spec().has_node()) {
      const v1::Reception reception = WaitFor(
          "receptions/mine",
          [](const v1::Reception& now) { return now.content_root().empty(); });
      EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_CONNECTING);
    } else {
      const v1::Reception reception = WaitForEnd("receptions/mine");
      EXPECT_EQ(reception.state(), v1::RECEPTION_STATE_INTERRUPTED);
      EXPECT_NE(reception.detail().find("not what was received"),
                std::string::npos)
          << reception.detail();
      EXPECT_TRUE(Delete("receptions/mine").ok());
    }
  }
}

TEST_F(ReceptionRestartTest, SessionsWaitUntilItIsKnownWhatGoesOn) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING, RequestOfNode(), "");
  Start(WithNodes());
  const auto opened =
      Wait<absl::StatusOr<std::shared_ptr<dataplane::Source>>>([&](auto done) {
        manager_->Open("receptions/mine", /*with_sha256=*/false, done);
      });
  EXPECT_TRUE(opened.ok()) << opened.status();
}

TEST_F(ReceptionRestartTest, ThoseThatRanAreInterruptedAndLeaveNothing) {
  for (const v1::ReceptionState state :
       {v1::RECEPTION_STATE_CONNECTING, v1::RECEPTION_STATE_WAITING,
        v1::RECEPTION_STATE_RECEIVING, v1::RECEPTION_STATE_VERIFYING}) {
    folder_.Put("file", "before");
    // Another service's, that receives into the same folder.
    folder_.Put(".tcptool-part.other", "theirs");
    LeaveBehind(state);
    Start();
    const auto reception = table_->Get("receptions/mine");
    ASSERT_TRUE(reception.ok());
    EXPECT_EQ(reception->state(), v1::RECEPTION_STATE_INTERRUPTED);
    EXPECT_NE(reception->detail(), "");
    EXPECT_TRUE(reception->has_end_time());
    EXPECT_EQ(reception->spec().destination().path(), "file");
    WaitForNames({"file", ".tcptool-part.other"});
    EXPECT_EQ(folder_.Get("file"), "before");
    // And stays so.
    const auto end_time = reception->end_time();
    Start();
    EXPECT_EQ(table_->Get("receptions/mine")->end_time().nanos(),
              end_time.nanos());
    EXPECT_TRUE(Delete("receptions/mine").ok());
  }
}

TEST_F(ReceptionRestartTest, WhatAFinalOneCouldNotRemoveGoesThen) {
  LeaveBehind(v1::RECEPTION_STATE_FAILED);
  Start();
  const auto reception = table_->Get("receptions/mine");
  ASSERT_TRUE(reception.ok()) << reception.status();
  EXPECT_EQ(reception->state(), v1::RECEPTION_STATE_FAILED);
  WaitForNames({});
}

TEST_F(ReceptionRestartTest, NumbersGoOn) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING);
  Start();
  ScriptedSender sender;
  const auto created = Create(RequestOf(sender, "other"));
  ASSERT_TRUE(created.ok()) << created.status();
  const auto list = table_->List({});
  ASSERT_EQ(list->receptions_size(), 2);
  EXPECT_EQ(list->receptions(0).name(), created->name());
}

TEST_F(ReceptionRestartTest, StopInterruptsWhatRuns) {
  ScriptedSender sender;
  v1::CreateReceptionRequest request = RequestOf(sender, "file");
  request.set_request_id("request");
  const auto created = Create(request);
  ASSERT_TRUE(created.ok());
  EXPECT_EQ(sender.AcceptAndReadByte(), 0);
  ASSERT_TRUE(sender.Send("some"));
  WaitForState(created->name(), v1::RECEPTION_STATE_RECEIVING);
  Start();
  EXPECT_EQ(sender.ReadEnd(), ECONNRESET);
  EXPECT_EQ(table_->Get(created->name())->state(),
            v1::RECEPTION_STATE_INTERRUPTED);
  EXPECT_EQ(folder_.Names(), std::set<std::string>());
  // The request is not made a second time.
  const auto again = Create(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->name(), created->name());
  EXPECT_EQ(again->state(), v1::RECEPTION_STATE_INTERRUPTED);
}

TEST_F(ReceptionRestartTest, RootThatIsGoneHoldsNothingUp) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING);
  std::filesystem::rename(folder_.path(""), state_.path("moved"));
  Start();
  EXPECT_EQ(table_->Get("receptions/mine")->state(),
            v1::RECEPTION_STATE_INTERRUPTED);
  ScriptedSender sender;
  EXPECT_TRUE(absl::IsNotFound(Create(RequestOf(sender, "file")).status()));
}

class HangingRootRestartTest : public ReceptionRestartTest {
 protected:
  HangingRootRestartTest() : ReceptionRestartTest(absl::Milliseconds(50)) {}

  // Returns when the disk has been asked, and has not answered.
  void WaitUntilMissed() {
    const auto opened =
        Wait<absl::StatusOr<std::shared_ptr<dataplane::Source>>>(
            [&](auto done) {
              manager_->Open("receptions/mine", /*with_sha256=*/false, done);
            });
    EXPECT_TRUE(absl::IsUnavailable(opened.status())) << opened.status();
    EXPECT_EQ(ReasonOf(Cancel("receptions/mine").status()), "NOT_READY");
  }

  const HangingRoot disk_{roots_, "disk"};
};

TEST_F(HangingRootRestartTest, ItIsAskedAgainWhetherAContentHasItsName) {
  ScriptedSender sender;
  LeaveBehindNamed(RequestOf(sender, "file"));
  disk_.Hang();
  Start();
  WaitUntilMissed();
  disk_.Answer();
  EXPECT_EQ(WaitForEnd("receptions/mine").state(),
            v1::RECEPTION_STATE_SUCCEEDED);
}

TEST_F(HangingRootRestartTest, OneFromANodeGoesOnWhenItAnswers) {
  LeaveBehind(v1::RECEPTION_STATE_RECEIVING, RequestOfNode(), "");
  disk_.Hang();
  Start(WithNodes());
  WaitUntilMissed();
  disk_.Answer();
  const auto opens = [this] {
    return Wait<absl::StatusOr<std::shared_ptr<dataplane::Source>>>(
               [&](auto done) {
                 manager_->Open("receptions/mine", /*with_sha256=*/false, done);
               })
        .ok();
  };
  WaitFor("receptions/mine", [&](const v1::Reception&) { return opens(); });
}

TEST_F(HangingRootRestartTest, AStopLeavesItToTheNextRun) {
  ScriptedSender sender;
  LeaveBehindNamed(RequestOf(sender, "file"));
  disk_.Hang();
  Start();
  WaitUntilMissed();
  Stop();
  disk_.Answer();
  Start();
  EXPECT_EQ(WaitForEnd("receptions/mine").state(),
            v1::RECEPTION_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace tcptool::server
