// Which calls share a channel.
#include "server/peers/kept_channel.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/dataplane/testing.h"

namespace tcptool::server {
namespace {

constexpr char kHere[] = "127.0.0.1:1";
constexpr char kThere[] = "127.0.0.1:2";

TEST(KeptChannelTest, CallsOfOneAddressShareIt) {
  const auto credentials = *NodeCredentials::Load({}, {});
  KeptChannel kept(*credentials);
  const auto channel = kept.To(kHere);
  EXPECT_EQ(kept.To(kHere), channel);
  const auto other = kept.To(kThere);
  EXPECT_NE(other, channel);
  EXPECT_EQ(kept.To(kThere), other);
  EXPECT_NE(kept.To(kHere), channel) << "That is not kept any more.";
}

TEST(KeptChannelTest, OneThatWasNotAnsweredIsNotKept) {
  const auto credentials = *NodeCredentials::Load({}, {});
  KeptChannel kept(*credentials);
  const auto channel = kept.To(kHere);
  kept.Drop(channel);
  const auto other = kept.To(kHere);
  EXPECT_NE(other, channel);
  // Another call over the first one has failed too.
  kept.Drop(channel);
  EXPECT_EQ(kept.To(kHere), other);
}

TEST(KeptChannelTest, NoneGetsOlderThanItMay) {
  const auto credentials = *NodeCredentials::Load({}, {});
  KeptChannel kept(*credentials, std::chrono::milliseconds(0));
  const auto channel = kept.To(kHere);
  EXPECT_NE(kept.To(kHere), channel);
}

TEST(KeptChannelTest, NewCredentialsAreShownByANewOne) {
  const std::string token = absl::StrCat(testing::TempDir(), "/token");
  std::ofstream(token) << "first";
  const auto credentials = *NodeCredentials::Load({.token_file = token}, {});
  KeptChannel kept(*credentials);
  const auto channel = kept.To(kHere);
  // At once: nobody reads a part of it.
  std::ofstream(token + ".part") << "second";
  std::filesystem::rename(token + ".part", token);
  const absl::Time deadline = absl::Now() + dataplane::kDeadline;
  while (credentials->token() != "second") {
    ASSERT_LT(absl::Now(), deadline);
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_NE(kept.To(kHere), channel);
}

}  // namespace
}  // namespace tcptool::server
