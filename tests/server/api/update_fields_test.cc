// Which fields an update changes.
#include "server/api/update_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/api/request_checks.h"
#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

using testing::ElementsAre;

std::vector<std::string> PathsOf(const v1::UpdateSessionRequest& request) {
  InvalidFields wrong;
  std::vector<std::string> paths;
  for (const UpdateField* field : UpdateFieldsOf(request, wrong)) {
    paths.emplace_back(field->path);
  }
  EXPECT_TRUE(wrong.status().ok()) << wrong.status();
  return paths;
}

TEST(UpdateFieldsTest, MaskNamesThem) {
  v1::UpdateSessionRequest request;
  request.mutable_session()->mutable_spec()->mutable_retention();
  request.mutable_update_mask()->add_paths("spec.expected");
  request.mutable_update_mask()->add_paths("spec.labels");
  request.mutable_update_mask()->add_paths("spec.labels");
  EXPECT_THAT(PathsOf(request), ElementsAre("spec.labels", "spec.expected"));
  request.mutable_update_mask()->add_paths("*");
  EXPECT_EQ(PathsOf(request).size(), 7u);
}

TEST(UpdateFieldsTest, WithoutAMaskThoseThatAreSetAre) {
  v1::UpdateSessionRequest request;
  v1::SessionSpec& spec = *request.mutable_session()->mutable_spec();
  spec.mutable_file()->set_path("another");
  spec.mutable_retention()->set_seconds(5);
  spec.mutable_limits()->set_session_bytes_per_second(5);
  EXPECT_THAT(
      PathsOf(request),
      ElementsAre("spec.retention", "spec.limits.session_bytes_per_second"));
}

TEST(UpdateFieldsTest, OneThatIsNotSetIsTakenAway) {
  v1::UpdateSessionRequest request;
  request.mutable_update_mask()->add_paths("*");
  v1::SessionSpec spec;
  (*spec.mutable_labels())["fleet"] = "blue";
  spec.mutable_retention()->set_seconds(5);
  spec.mutable_file()->set_path("content");
  InvalidFields wrong;
  for (const UpdateField* field : UpdateFieldsOf(request, wrong)) {
    field->copy(request.session().spec(), spec);
  }
  EXPECT_TRUE(spec.labels().empty());
  EXPECT_FALSE(spec.has_retention());
  EXPECT_EQ(spec.file().path(), "content");
}

TEST(UpdateFieldsTest, AllThatCannotBeChangedIsNamedAtOnce) {
  v1::UpdateSessionRequest request;
  for (const char* path :
       {"spec.file", "spec.labels", "name", "spec", "x", ""}) {
    request.mutable_update_mask()->add_paths(path);
  }
  const absl::Status status = CheckRequest(request);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(WrongFieldsOf(status),
              ElementsAre("session.name", "update_mask.paths[0]",
                          "update_mask.paths[2]", "update_mask.paths[3]",
                          "update_mask.paths[4]", "update_mask.paths[5]"));
}

TEST(UpdateFieldsTest, SomethingHasToChange) {
  v1::UpdateSessionRequest request;
  request.mutable_session()->set_name("sessions/a");
  EXPECT_EQ(CheckRequest(request).message().substr(0, 13), "update_mask: ");
}

}  // namespace
}  // namespace tcptool::server
