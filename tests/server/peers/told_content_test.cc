// What nodes say of a content, on its way to the reception.
#include "server/peers/told_content.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/receiving/manifest.h"

namespace tcptool::server {
namespace {

using dataplane::ContentEnd;
using dataplane::Digest;
using dataplane::kManifestBlock;
using peer::v1::FollowResponse;

constexpr uint64_t kTwoBlocks = 2 * kManifestBlock;

// Is told of a content, and plays the reception.
class ToldContentTest : public testing::Test, public dataplane::ContentClaims {
 protected:
  ToldContentTest() { told_.Open(*this); }

  static FollowResponse Digests(size_t count) {
    FollowResponse response;
    response.set_digests(std::string(count * sizeof(Digest), 'd'));
    return response;
  }
  static FollowResponse End(int64_t length, size_t root_size = sizeof(Digest)) {
    FollowResponse response;
    response.mutable_end()->set_length(length);
    response.mutable_end()->set_root(std::string(root_size, 'r'));
    return response;
  }
  static FollowResponse Length(int64_t length) {
    FollowResponse response;
    response.set_length(length);
    return response;
  }
  absl::StatusCode Take(const FollowResponse& response,
                        bool is_connected = true) {
    return told_.Take(response, is_connected).code();
  }

  void Expect(uint64_t first, std::vector<Digest> digests) override {
    EXPECT_EQ(first, digests_) << "There is a gap.";
    digests_ = first + digests.size();
  }
  void ExpectLength(uint64_t length) override { length_ = length; }
  void ExpectEnd(const ContentEnd& end) override { end_ = end; }
  void FallenSilent(const absl::Status&) override {}
  void Leave(const absl::Status&) override {}
  void StartAnew(const absl::Status&) override {}
  void GiveUp(const absl::Status&) override {}
  uint64_t position() const override { return position_; }
  std::chrono::steady_clock::time_point silent_since() const override {
    return {};
  }

  ToldContent told_;
  uint64_t position_ = 0;
  // What has been passed on.
  uint64_t digests_ = 0;
  std::optional<uint64_t> length_;
  std::optional<ContentEnd> end_;
};

TEST_F(ToldContentTest, LengthAndEndWaitForAConnection) {
  FollowResponse response = Digests(2);
  response.MergeFrom(Length(kTwoBlocks));
  response.MergeFrom(End(kTwoBlocks));
  EXPECT_EQ(Take(response, false), absl::StatusCode::kOk);
  EXPECT_EQ(digests_, 2u);
  EXPECT_EQ(told_.next_block(), 2u);
  EXPECT_EQ(length_, std::nullopt);
  EXPECT_EQ(end_, std::nullopt);
  told_.Connected();
  EXPECT_EQ(length_, kTwoBlocks);
  ASSERT_TRUE(end_);
  EXPECT_EQ(end_->length, kTwoBlocks);
}

TEST_F(ToldContentTest, AllIsPassedOnAtOnceWhereThereIsOne) {
  EXPECT_EQ(Take(Length(kTwoBlocks)), absl::StatusCode::kOk);
  EXPECT_EQ(length_, kTwoBlocks);
  EXPECT_EQ(Take(Digests(2)), absl::StatusCode::kOk);
  EXPECT_EQ(Take(End(kTwoBlocks)), absl::StatusCode::kOk);
  EXPECT_TRUE(end_);
}

TEST_F(ToldContentTest, WhatNobodyCouldSayIsRefused) {
  FollowResponse part_of_one;
  part_of_one.set_digests("part");
  const auto most = static_cast<int64_t>(ToldContent::kMostBlocks);
  const auto block = static_cast<int64_t>(kManifestBlock);
  EXPECT_EQ(Take(part_of_one), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Take(Length(-1)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Take(Length(most * block + 1)), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Take(Length(most * block)), absl::StatusCode::kOk);
  EXPECT_EQ(Take(End(-1)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Take(End(0, 31)), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Take(End(1)), absl::StatusCode::kInvalidArgument)
      << "Its digest is missing.";
  EXPECT_EQ(end_, std::nullopt);
  EXPECT_EQ(Take(Digests(1)), absl::StatusCode::kOk);
  EXPECT_EQ(Take(End(1)), absl::StatusCode::kOk);
  EXPECT_EQ(Take(Digests(1)), absl::StatusCode::kInvalidArgument)
      << "It is behind the end.";
  EXPECT_EQ(digests_, 1u);
}

TEST_F(ToldContentTest, DigestsFarAheadOfWhatHasComeAreAskedForLater) {
  constexpr uint64_t kAhead = ToldContent::kMostBlocksAhead;
  EXPECT_EQ(Take(Digests(kAhead)), absl::StatusCode::kOk);
  EXPECT_FALSE(told_.IsToAskAgain());
  EXPECT_EQ(Take(Digests(1)), absl::StatusCode::kOk);
  EXPECT_EQ(told_.next_block(), kAhead) << "It is not taken.";
  // Nor is the end, as it is that of more than is known.
  EXPECT_EQ(Take(End(static_cast<int64_t>((kAhead + 1) * kManifestBlock))),
            absl::StatusCode::kOk);
  EXPECT_EQ(end_, std::nullopt);
  position_ = kAhead / 2 * kManifestBlock;
  EXPECT_FALSE(told_.IsToAskAgain());
  position_ += kManifestBlock;
  EXPECT_TRUE(told_.IsToAskAgain());
  told_.BeginCall();
  EXPECT_FALSE(told_.IsToAskAgain());
  EXPECT_EQ(Take(Digests(1)), absl::StatusCode::kOk);
  EXPECT_EQ(told_.next_block(), kAhead + 1);
}

TEST_F(ToldContentTest, KnowsWhatWasSaidByAnother) {
  EXPECT_EQ(Take(Digests(2)), absl::StatusCode::kOk);
  EXPECT_TRUE(told_.IsFromOne(0));
  EXPECT_TRUE(told_.IsAllFromOne());
  told_.ChangeNode();
  EXPECT_EQ(Take(Digests(2)), absl::StatusCode::kOk);
  EXPECT_FALSE(told_.IsFromOne(1));
  EXPECT_TRUE(told_.IsFromOne(2));
  EXPECT_FALSE(told_.IsAllFromOne());
  // They are told anew, by the one that is followed now. But the reception
  // remembers what the other one has said of them.
  told_.ForgetFrom(1);
  EXPECT_EQ(told_.next_block(), 1u);
  EXPECT_TRUE(told_.IsFromOne(1));
  EXPECT_FALSE(told_.IsFromOne(0));
  EXPECT_FALSE(told_.IsAllFromOne());
  told_.ForgetAll();
  EXPECT_EQ(told_.next_block(), 0u);
  EXPECT_TRUE(told_.IsFromOne(0));
  EXPECT_TRUE(told_.IsAllFromOne());
}

TEST_F(ToldContentTest, AnotherNodeTellsLengthAndEndItself) {
  EXPECT_EQ(Take(Digests(1), false), absl::StatusCode::kOk);
  EXPECT_EQ(Take(Length(1), false), absl::StatusCode::kOk);
  EXPECT_EQ(Take(End(1), false), absl::StatusCode::kOk);
  told_.ChangeNode();
  told_.Connected();
  EXPECT_EQ(length_, std::nullopt);
  EXPECT_EQ(end_, std::nullopt);
}

TEST_F(ToldContentTest, SaysWhetherAnotherNodeKnowsMore) {
  EXPECT_TRUE(told_.Lacks(Digests(1)));
  EXPECT_TRUE(told_.Lacks(End(0)));
  EXPECT_FALSE(told_.Lacks(Length(1)));
  EXPECT_EQ(Take(End(0)), absl::StatusCode::kOk);
  EXPECT_FALSE(told_.Lacks(End(0)));
}

}  // namespace
}  // namespace tcptool::server
