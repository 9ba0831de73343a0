// The commands of `tcptoolctl watch --exec`.
#include "client/tcptoolctl/hook.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tcptool {
namespace {

v1::Recipient Peer(const std::string& number) {
  v1::Recipient recipient;
  recipient.set_name("sessions/s/recipients/" + number);
  recipient.set_address("192.0.2.7:1");
  recipient.set_state(v1::RECIPIENT_STATE_DELIVERED);
  return recipient;
}

class HookTest : public testing::Test {
 protected:
  HookTest() {
    std::string name = testing::TempDir() + "/hook.XXXXXX";
    home_ = mkdtemp(name.data());
    setenv("HOME_OF_TEST", home_.c_str(), 1);
  }
  ~HookTest() override { std::filesystem::remove_all(home_); }

  std::string Content(const std::string& name) const {
    std::ifstream file(home_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t Files() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(home_), {}));
  }

  std::filesystem::path home_;
  std::vector<std::string> said_;
};

TEST_F(HookTest, CommandHasTheRecipientInItsEnvironment) {
  setenv("TCPTOOL_STATE", "before", 1);
  v1::Recipient recipient = Peer("1");
  recipient.set_label("`touch $HOME_OF_TEST/bad`; \"$(touch bad)\"\x1b");
  recipient.set_state(v1::RECIPIENT_STATE_FAILED);
  recipient.set_reason(v1::RECIPIENT_REASON_STALLED);
  recipient.set_bytes_acked(17);
  Hook hook(
      "printf '%s|' \"$TCPTOOL_SESSION\" \"$TCPTOOL_RECIPIENT\" "
      "\"$TCPTOOL_ADDRESS\" \"$TCPTOOL_LABEL\" \"$TCPTOOL_STATE\" "
      "\"$TCPTOOL_REASON\" \"$TCPTOOL_BYTES_ACKED\" > $HOME_OF_TEST/out; "
      "env | grep -c ^TCPTOOL_STATE= >> $HOME_OF_TEST/out",
      [](const std::string&) {});
  hook.Run(recipient);
  EXPECT_TRUE(hook.Finish().ok());
  unsetenv("TCPTOOL_STATE");
  EXPECT_EQ(Content("out"),
            "sessions/s|sessions/s/recipients/1|192.0.2.7:1|"
            "`touch $HOME_OF_TEST/bad`; \"$(touch bad)\"?|FAILED|STALLED|17|"
            "1\n");
  EXPECT_EQ(Files(), 1u);
}

TEST_F(HookTest, FinishWaitsForAllAndSaysWhichHaveFailed) {
  absl::Status status;
  {
    Hook hook(
        "test $(cat | wc -c) = 0 && case $TCPTOOL_RECIPIENT in\n"
        "*/7) exit 3;; *) : > $HOME_OF_TEST/${TCPTOOL_RECIPIENT##*/};; esac",
        [this](const std::string& line) { said_.push_back(line); });
    for (int i = 0; i < 50; ++i) hook.Run(Peer(absl::StrCat(i)));
    status = hook.Finish();
    EXPECT_EQ(Files(), 49u);
  }
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(status.message(),
            "1 of 50 commands failed; the first: that for "
            "sessions/s/recipients/7 (192.0.2.7:1) ended with status 3");
  ASSERT_EQ(said_.size(), 1u);
  EXPECT_TRUE(absl::StrContains(said_[0], "recipients/7")) << said_[0];
}

TEST_F(HookTest, CommandThatASignalKillsHasFailed) {
  Hook hook("kill -9 $$", [](const std::string&) {});
  hook.Run(Peer("1"));
  EXPECT_TRUE(absl::StrContains(hook.Finish().message(), "signal 9"));
}

TEST_F(HookTest, SoManyRunAtOnce) {
  // Each counts those that run beside it, and the last ones wait for `go`.
  Hook hook(
      "cd $HOME_OF_TEST; mkdir r.${TCPTOOL_RECIPIENT##*/}\n"
      "ls -d r.* | wc -l >> counts\n"
      "until test -e go; do sleep 0.01; done\n"
      "rmdir r.${TCPTOOL_RECIPIENT##*/}",
      [](const std::string&) {});
  for (int i = 0; i < 3 * Hook::kAtOnce; ++i) hook.Run(Peer(absl::StrCat(i)));
  // All that may run do, which would never be if fewer did.
  const auto count = [this] {
    const std::string counts = Content("counts");
    return std::count(counts.begin(), counts.end(), '\n');
  };
  while (count() < Hook::kAtOnce) absl::SleepFor(absl::Milliseconds(10));
  std::ofstream(home_ / "go").flush();
  EXPECT_TRUE(hook.Finish().ok());
  EXPECT_EQ(count(), 3 * Hook::kAtOnce);
  std::ifstream counts(home_ / "counts");
  for (int most = 0; counts >> most;) EXPECT_LE(most, Hook::kAtOnce);
}

}  // namespace
}  // namespace tcptool
