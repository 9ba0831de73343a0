// How receptions are made, and what is refused.
#include "server/receptions/reception_creation.h"

#include <sys/resource.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include "tests/server/receptions/managed_receptions.h"

namespace tcptool::server {
namespace {

class ReceptionCreationTest : public ManagedReceptions {
 protected:
  absl::StatusCode CodeOf(const std::string& path, bool overwrite = false,
                          const std::string& root = "disk") {
    v1::CreateReceptionRequest request = RequestOf(sender_, path);
    auto& destination =
        *request.mutable_reception()->mutable_spec()->mutable_destination();
    destination.set_root(root);
    destination.set_overwrite(overwrite);
    return Create(request).status().code();
  }

  ScriptedSender sender_;
};

TEST_F(ReceptionCreationTest, DestinationsThatCannotBe) {
  folder_.Put("there", "before");
  std::filesystem::create_directory(folder_.path("folder"));
  std::filesystem::create_symlink("/etc", folder_.path("out"));
  std::filesystem::create_symlink("there", folder_.path("link"));
  EXPECT_EQ(CodeOf("file", false, "none"), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("none/file"), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("there/file"), absl::StatusCode::kNotFound);
  EXPECT_EQ(CodeOf("../file"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("/file"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("/etc/file"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("out/file"), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(CodeOf("there"), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(CodeOf("folder"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("folder", true), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf("link", true), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(".tcptool-part.x"), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(std::string(300, 'a')), absl::StatusCode::kInvalidArgument);
  v1::CreateReceptionRequest large = RequestOf(sender_, "large");
  large.mutable_reception()->mutable_spec()->set_expected_length(int64_t{1}
                                                                 << 61);
  EXPECT_TRUE(absl::IsResourceExhausted(Create(large).status()));
  EXPECT_EQ(folder_.Get("there"), "before");
  EXPECT_EQ(folder_.Names(),
            (std::set<std::string>{"there", "folder", "out", "link"}));
  EXPECT_EQ(table_->List({})->receptions_size(), 0);
}

TEST_F(ReceptionCreationTest, ADestinationThatCanBeNoneIsAWrongField) {
  std::filesystem::create_directory(folder_.path("folder"));
  const absl::Status status = Create(RequestOf(sender_, "folder")).status();
  EXPECT_EQ(status.message().find("reception.spec.destination: "), 0u)
      << status;
  EXPECT_TRUE(status.GetPayload("type.googleapis.com/google.rpc.BadRequest"));
}

TEST_F(ReceptionCreationTest, WhatALostDatabaseHasLeftIsSwept) {
  const auto old =
      std::filesystem::file_time_type::clock::now() - std::chrono::hours(25);
  folder_.Put(".tcptool-part.young", "a part");
  for (const char* name : {".tcptool-part.old", "other"}) {
    folder_.Put(name, "content");
    std::filesystem::last_write_time(folder_.path(name), old);
  }
  const auto created = Create(RequestOf(sender_, "file"));
  ASSERT_TRUE(created.ok());
  ASSERT_TRUE(Cancel(created->name()).ok());
  WaitForNames({".tcptool-part.young", "other"});
}

TEST_F(ReceptionCreationTest, IdsAreTakenOnce) {
  v1::CreateReceptionRequest request = RequestOf(sender_, "file");
  request.set_reception_id("mine");
  const auto created = Create(request);
  ASSERT_TRUE(created.ok()) << created.status();
  EXPECT_EQ(created->name(), "receptions/mine");
  EXPECT_TRUE(absl::IsAlreadyExists(Create(request).status()));
}

TEST_F(ReceptionCreationTest, SameNameAtTheSameTimeIsGivenOnce) {
  v1::CreateReceptionRequest request = RequestOf(sender_, "file");
  request.set_reception_id("mine");
  std::promise<absl::Status> results[8];
  for (auto& result : results) {
    manager_->Create(request, "", [&result](const auto& made) {
      result.set_value(made.status());
    });
  }
  int made = 0;
  for (auto& result : results) {
    const absl::Status status = result.get_future().get();
    if (status.ok()) ++made;
    EXPECT_TRUE(status.ok() || absl::IsAlreadyExists(status)) << status;
  }
  EXPECT_EQ(made, 1);
}

TEST_F(ReceptionCreationTest, RetryGetsTheReceptionOfTheFirstCall) {
  v1::CreateReceptionRequest request = RequestOf(sender_, "file");
  request.set_request_id("request");
  std::promise<absl::StatusOr<v1::Reception>> results[2];
  for (auto& result : results) {
    manager_->Create(request, "",
                     [&result](const auto& made) { result.set_value(made); });
  }
  const auto first = results[0].get_future().get();
  const auto second = results[1].get_future().get();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(first->name(), second->name());
  EXPECT_EQ(Create(request)->name(), first->name());
  v1::CreateReceptionRequest other = RequestOf(sender_, "other");
  other.set_request_id("request");
  EXPECT_TRUE(absl::IsAlreadyExists(Create(other).status()));
  EXPECT_TRUE(Delete(first->name(), true).ok());
  EXPECT_TRUE(absl::IsNotFound(Create(request).status()));
}

TEST_F(ReceptionCreationTest, AsManyRunAsAreAllowed) {
  Start({.max_receptions = 2, .max_running = 1});
  const auto first = Receiving(sender_, "one", "some");
  EXPECT_TRUE(
      absl::IsResourceExhausted(Create(RequestOf(sender_, "two")).status()));
  sender_.End();
  WaitForEnd(first.name());
  // Finished ones make room, the one that ended first.
  for (const char* path : {"two", "three"}) {
    ScriptedSender sender;
    const auto created = Create(RequestOf(sender, path));
    ASSERT_TRUE(created.ok()) << created.status();
    sender.Accept();
    sender.End();
    WaitForEnd(created->name());
  }
  EXPECT_EQ(table_->List({})->receptions_size(), 2);
  EXPECT_FALSE(table_->contains(first.name()));
}

TEST_F(ReceptionCreationTest, NothingBeginsThatIsNotDurable) {
  // No file of this process may grow: SQLite says that the disk is full.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  v1::CreateReceptionRequest request = RequestOf(sender_, "file");
  request.set_reception_id("mine");
  request.set_request_id("request");
  const auto refused = Create(request);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_FALSE(refused.ok());
  EXPECT_FALSE(table_->contains("receptions/mine"));
  const auto created = Create(request);
  ASSERT_TRUE(created.ok()) << created.status();
  // The first connection is that of the second call.
  EXPECT_EQ(sender_.AcceptAndReadByte(), 0);
  sender_.Send("content");
  sender_.End();
  EXPECT_EQ(WaitForEnd("receptions/mine").state(),
            v1::RECEPTION_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace tcptool::server
