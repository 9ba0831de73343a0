#include "server/fleet/service/progress_lookup.h"

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr absl::Time kNow = absl::FromUnixSeconds(1'000'000);

class ProgressLookupTest : public ::testing::Test {
 protected:
  struct Question {
    std::string address;
    std::string distribution;
    int64_t revision;
    std::function<void(ProgressLookup::Told)> done;
  };

  void Get(const std::string& distribution = "d", int64_t revision = 5,
           const std::string& address = "a:1") {
    lookup_->Get(
        address, distribution, revision,
        [this](const ProgressByNode& known) { answers_.push_back(known); });
  }
  void Answer(int64_t bytes) {
    questions_.back().done(std::vector<NodeProgress>{
        {.node = "n1", .bytes_received = bytes, .age = milliseconds(300)}});
  }
  std::vector<int64_t> Bytes() const {
    std::vector<int64_t> bytes;
    for (const ProgressByNode& answer : answers_) {
      bytes.push_back(answer.empty() ? -1 : answer.at("n1").bytes_received);
    }
    return bytes;
  }

  std::vector<Question> questions_;
  std::vector<ProgressByNode> answers_;
  ProgressLookup::Time clock_;
  std::optional<ProgressLookup> lookup_{
      std::in_place,
      [this](const std::string& address, const std::string& distribution,
             int64_t revision,
             const std::function<void(ProgressLookup::Told)>& done) {
        questions_.push_back({address, distribution, revision, done});
      },
      [] { return kNow; }, [this] { return clock_; }};
};

TEST_F(ProgressLookupTest, AsksOnceForAllWhoAskTogether) {
  Get();
  Get();
  ASSERT_THAT(questions_, SizeIs(1));
  EXPECT_EQ(questions_[0].address, "a:1");
  EXPECT_EQ(questions_[0].distribution, "d");
  EXPECT_EQ(questions_[0].revision, 5);
  EXPECT_THAT(answers_, IsEmpty());
  Answer(10);
  EXPECT_THAT(Bytes(), ElementsAre(10, 10));
  EXPECT_EQ(answers_[0].at("n1").time, kNow - absl::Milliseconds(300));
}

TEST_F(ProgressLookupTest, UsesAnAnswerForASecond) {
  Get();
  Answer(10);
  clock_ += milliseconds(999);
  Get();
  EXPECT_THAT(questions_, SizeIs(1));
  EXPECT_THAT(Bytes(), ElementsAre(10, 10));
  clock_ += milliseconds(1);
  Get();
  ASSERT_THAT(questions_, SizeIs(2));
  Answer(20);
  EXPECT_THAT(Bytes(), ElementsAre(10, 10, 20));
}

TEST_F(ProgressLookupTest, AsksForEachDistributionByItself) {
  Get("d", 5);
  Get("d", 6);
  Get("e", 5);
  EXPECT_THAT(questions_, SizeIs(3));
}

TEST_F(ProgressLookupTest, LeavesACoordinatorThatDoesNotAnswerAloneForAWhile) {
  Get();
  Answer(10);
  clock_ += seconds(1);
  Get();
  questions_.back().done(std::nullopt);
  EXPECT_THAT(Bytes(), ElementsAre(10, -1)) << "What is old is not told.";
  clock_ += milliseconds(4999);
  Get();
  EXPECT_THAT(questions_, SizeIs(2));
  EXPECT_THAT(Bytes(), ElementsAre(10, -1, -1));
  clock_ += milliseconds(1);
  Get();
  EXPECT_THAT(questions_, SizeIs(3));
}

TEST_F(ProgressLookupTest, AsksAnotherCoordinatorAtOnce) {
  Get();
  questions_.back().done(std::nullopt);
  Get("d", 5, "b:1");
  ASSERT_THAT(questions_, SizeIs(2));
  EXPECT_EQ(questions_[1].address, "b:1");
}

TEST_F(ProgressLookupTest, WhatIsAnsweredAfterItsEndIsDropped) {
  Get();
  lookup_.reset();
  Answer(10);
  EXPECT_THAT(answers_, IsEmpty());
}

}  // namespace
}  // namespace tcptool::fleet
