// The lines of `tcptoolctl events`, and where it goes on after them.
#include "client/tcptoolctl/event_lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tcptool {
namespace {

v1::WatchSessionsResponse Deletion(int64_t revision, bool bookmark = false) {
  v1::WatchSessionsResponse response;
  response.set_revision(revision);
  response.add_changes()->set_deleted_name("sessions/s");
  response.set_bookmark(bookmark);
  return response;
}

TEST(EventLinesTest, LinesSayWhereToGoOn) {
  EventLines lines(0);
  EXPECT_EQ(lines.Snapshot(absl::OkStatus()),
            "{\"revision\":\"0\",\"resume\":\"0\",\"snapshot\":true}\n");
  EXPECT_EQ(lines.Of(Deletion(7)),
            std::vector<std::string>{"{\"revision\":\"7\",\"resume\":\"0\","
                                     "\"deletedName\":\"sessions/s\"}\n"});
  EXPECT_EQ(lines.Of(Deletion(8, true)),
            (std::vector<std::string>{
                "{\"revision\":\"8\",\"resume\":\"0\","
                "\"deletedName\":\"sessions/s\"}\n",
                "{\"revision\":\"8\",\"resume\":\"8\",\"bookmark\":true}\n"}));
  EXPECT_TRUE(absl::StartsWith(lines.Of(Deletion(9))[0],
                               "{\"revision\":\"9\",\"resume\":\"8\","));
  const std::string restart =
      lines.Snapshot(absl::OutOfRangeError("forgotten"));
  EXPECT_EQ(restart,
            "{\"revision\":\"9\",\"resume\":\"0\",\"snapshot\":true,"
            "\"error\":{\"code\":11,\"message\":\"forgotten\",\"details\":[]}}"
            "\n");
}

TEST(EventLinesTest, ChangeOfAKindThatIsNotKnownIsALineToo) {
  v1::WatchSessionsResponse response;
  response.set_revision(7);
  response.add_changes();
  EXPECT_EQ(
      EventLines(5).Of(response),
      std::vector<std::string>{"{\"revision\":\"7\",\"resume\":\"5\"}\n"});
}

class ResumeTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    std::ofstream(name_, std::ios::binary) << text;
  }
  const std::string name_ = testing::TempDir() + "/events";
};

TEST_F(ResumeTest, RevisionIsANumberOrThatOfAFile) {
  EXPECT_EQ(*ReadResumeRevision("17"), 17);
  EXPECT_FALSE(ReadResumeRevision("99999999999999999999").ok());
  EXPECT_EQ(*ReadResumeRevision(name_ + ".missing"), 0);
  Write("");
  EXPECT_EQ(*ReadResumeRevision(name_), 0);
  Write("{\"revision\":\"8\",\"resume\":\"7\",\"bookmark\":true}\n");
  EXPECT_EQ(*ReadResumeRevision(name_), 7);
}

TEST_F(ResumeTest, WhatCanBeNeitherIsRefused) {
  EXPECT_EQ(WhyNoResume("0"), "");
  EXPECT_EQ(WhyNoResume("file"), "");
  EXPECT_EQ(WhyNoResume("./-1"), "");
  EXPECT_NE(WhyNoResume("").find("it is empty"), std::string::npos);
  for (const char* text : {"-1", "-", "-x"}) {
    EXPECT_NE(WhyNoResume(text).find("is no revision"), std::string::npos);
  }
}

TEST_F(ResumeTest, LineThatWasCutOffDoesNotCount) {
  const std::string large(300'000, 'x');
  Write(absl::StrCat("{\"resume\":\"5\"}\n{\"resume\":\"6\",\"a\":\"", large,
                     "\"}\n{\"resume\":\"7\",\"a\":\"", large));
  EXPECT_EQ(*ReadResumeRevision(name_), 6);
}

TEST_F(ResumeTest, LineThatWasCutOffIsTakenAwayBeforeOthersFollow) {
  const std::string whole = "{\"resume\":\"5\"}\n{\"resume\":\"6\"}\n";
  const auto left = [this](const std::string& text, int flags,
                           const std::string& resume) {
    Write(text);
    const int output = open(name_.c_str(), O_WRONLY | O_CLOEXEC | flags);
    EXPECT_GE(output, 0);
    const absl::Status status = DropCutLine(resume, output);
    EXPECT_TRUE(status.ok()) << status;
    close(output);
    std::ifstream file(name_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const std::string cut = whole + "{\"resume\":\"7\",\"a\":";
  EXPECT_EQ(left(cut, O_APPEND, name_), whole);
  EXPECT_EQ(left(whole + std::string(300'000, 'x'), O_APPEND, name_), whole);
  EXPECT_EQ(left(whole, O_APPEND, name_), whole);
  EXPECT_EQ(left("notes", O_APPEND, name_), "notes");
  // What is written elsewhere does not follow it.
  EXPECT_EQ(left(cut, 0, name_), cut);
  EXPECT_EQ(left(cut, O_APPEND, name_ + ".missing"), cut);
  EXPECT_EQ(left(cut, O_APPEND, "6"), cut);
}

TEST_F(ResumeTest, OtherFilesAreRefused) {
  for (const char* text :
       {"{\"resume\":\"7\"}", "{}\n", "7\n", "{\"resume\":\"-7\"}\n",
        "{\"resume\":\"x\"}\n", "\n", "{\"resume\":\"7\"}\n\n"}) {
    Write(text);
    const auto revision = ReadResumeRevision(name_);
    EXPECT_TRUE(absl::IsInvalidArgument(revision.status())) << text;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(ReadResumeRevision(testing::TempDir()).status()));
}

TEST_F(ResumeTest, PipeIsRefused) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  const absl::string_view line = "{\"resume\":\"7\"}\n";
  ASSERT_EQ(write(ends[1], line.data(), line.size()),
            static_cast<ssize_t>(line.size()));
  const auto revision =
      ReadResumeRevision(absl::StrCat("/proc/self/fd/", ends[0]));
  EXPECT_TRUE(absl::IsInvalidArgument(revision.status())) << revision.status();
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace tcptool
