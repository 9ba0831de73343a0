// Who may look below which root, and roots whose file systems hang.
#include "server/rpc/file_service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/security/role.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

class FileServiceTest : public testing::Test {
 protected:
  FileServiceTest() {
    for (const char* const name : {"open", "closed"}) {
      const std::filesystem::path home =
          std::filesystem::path(testing::TempDir()) / name;
      std::filesystem::create_directories(home);
      std::ofstream(home / "file") << "content";
      EXPECT_TRUE(roots_.Add(absl::StrCat(name, "=", home.string())).ok());
    }
  }

  using Listed = absl::StatusOr<v1::ListFilesResponse>;
  std::future<Listed> List(const std::string& root, Role role) {
    v1::ListFilesRequest request;
    request.set_root(root);
    auto listed = std::make_shared<std::promise<Listed>>();
    service_.ListFiles(request, role, [listed](Listed result) {
      listed->set_value(std::move(result));
    });
    return listed->get_future();
  }
  absl::Status Stat(const std::string& root, Role role) {
    v1::StatFileRequest request;
    request.set_root(root);
    request.set_path("file");
    auto status = std::make_shared<std::promise<absl::Status>>();
    service_.StatFile(request, role,
                      [status](const absl::StatusOr<v1::File>& file) {
                        status->set_value(file.status());
                      });
    return status->get_future().get();
  }

  ContentRoots roots_{absl::Hours(1)};
  const FileService service_{roots_, {"open"}};
};

TEST_F(FileServiceTest, OperatorsSeeAllAndOthersWhatIsOpen) {
  for (const Role role : {Role::kViewer, Role::kPeer, Role::kOperator}) {
    EXPECT_EQ(List("open", role).get()->files_size(), 1);
    EXPECT_TRUE(Stat("open", role).ok());
    const bool sees_all = role == Role::kOperator;
    EXPECT_EQ(List("closed", role).get().ok(), sees_all);
    EXPECT_EQ(Stat("closed", role).ok(), sees_all);
    EXPECT_EQ(
        Stat("closed", role).code(),
        sees_all ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied);
    // Whether there is such a root is told to those alone who may see it.
    EXPECT_EQ(Stat("none", role).code(),
              sees_all ? absl::StatusCode::kNotFound
                       : absl::StatusCode::kPermissionDenied);
  }
}

TEST_F(FileServiceTest, RootThatHangsHoldsUpNobodyAndIsNamed) {
  const auto back = std::make_shared<absl::Notification>();
  const auto hangs = std::make_shared<absl::Notification>();
  roots_.Look<bool>(
      "open",
      [back, hangs](const ContentRoot&) -> absl::StatusOr<bool> {
        hangs->Notify();
        back->WaitForNotification();
        return true;
      },
      [](const absl::StatusOr<bool>&) {});
  hangs->WaitForNotification();
  auto waiting = List("open", Role::kViewer);
  // Other roots are looked into, and files of this one are opened.
  EXPECT_TRUE(List("closed", Role::kOperator).get().ok());
  std::promise<absl::Status> opened;
  roots_.Run<bool>(
      "open",
      [](const ContentRoot& root) -> absl::StatusOr<bool> {
        return root.Open("file").ok();
      },
      [&opened](const absl::StatusOr<bool>& result) {
        opened.set_value(result.status());
      });
  EXPECT_TRUE(opened.get_future().get().ok());
  // As if the deadline came.
  roots_.AnswerPending();
  const absl::Status status = waiting.get().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_NE(status.message().find("root \"open\" does not answer"),
            std::string::npos);
  back->Notify();
}

}  // namespace
}  // namespace tcptool::server
