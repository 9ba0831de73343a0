// What the data plane says of itself to whoever measures it.
#include "dataplane/lanes/counters.h"

#include <gtest/gtest.h>

#include <numeric>

#include "dataplane/content/stream_source.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

uint64_t Ended(const Counters::Values& values, RecipientState state) {
  return values.recipients_ended[static_cast<size_t>(state)];
}

uint64_t Failures(const Counters::Values& values, Reason reason) {
  return values.failures[static_cast<size_t>(reason)];
}

uint64_t Total(const DurationHistogram::Values& values) {
  return std::accumulate(values.counts.begin(), values.counts.end(),
                         uint64_t{0});
}

TEST(DurationHistogramTest, ABoundBelongsToTheClassThatItEnds) {
  static constexpr std::array kBounds = {0.1, 1.0};
  DurationHistogram histogram(kBounds);
  histogram.Add(absl::Milliseconds(100));
  histogram.Add(absl::Milliseconds(101));
  histogram.Add(absl::Seconds(2));
  histogram.Add(-absl::Seconds(5));  // A clock that was set back.
  const auto values = histogram.Read();
  EXPECT_EQ(values.counts, (std::vector<uint64_t>{2, 1, 1}));
  EXPECT_NEAR(values.sum_seconds, 2.201, 1e-6);
}

TEST(CountersTest, WhatNodesAreSentIsAPartOfAll) {
  Counters counters;
  const RecipientStatus recipient = {.bytes_sent = 10};
  counters.RecipientChanged({}, recipient);
  RecipientStatus node = {.node = "n1", .bytes_sent = 5};
  counters.RecipientChanged({}, node);
  const RecipientStatus before = node;
  node.bytes_sent = 7;
  counters.RecipientChanged(before, node);
  // Its next connection begins anew.
  const RecipientStatus again = {.node = "n1", .bytes_sent = 3};
  counters.RecipientChanged({.node = "n1"}, again);
  const auto values = counters.Read();
  EXPECT_EQ(values.bytes_sent, 20u);
  EXPECT_EQ(values.bytes_to_nodes, 10u);
}

TEST(CountersTest, CountWhatRecipientsGotAndHowTheyEnded) {
  constexpr size_t kSize = 3'000'000;
  SessionOptions options;
  // The good ones have to say their byte within it, too.
  options.limits.handshake_timeout = absl::Seconds(10);
  OneSession one(FileOf(Content(kSize)), options);
  Peer silent(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  const auto lost = one.ReadyPeer(0);
  ReadingPeer good(one.port(), 0);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, 2));
  lost->Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 2));
  ReadingPeer last(one.port(), 1);
  good.Join();
  last.Join();
  ASSERT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);

  const auto values = one.engine().Measure().counters;
  EXPECT_EQ(values.sessions_created, 1u);
  EXPECT_EQ(
      values.sessions_ended[static_cast<size_t>(SessionState::kSucceeded)], 1u);
  EXPECT_EQ(Ended(values, RecipientState::kDelivered), 2u);
  EXPECT_EQ(Ended(values, RecipientState::kFailed), 2u);
  EXPECT_EQ(Failures(values, Reason::kHandshakeTimeout), 1u);
  EXPECT_EQ(Failures(values, Reason::kConnectionLost), 1u);
  EXPECT_EQ(values.bytes_sent, 2 * kSize);
  EXPECT_EQ(values.bytes_acked, 2 * kSize);
  EXPECT_EQ(Total(values.handshakes), 3u);
  EXPECT_EQ(Total(values.deliveries), 2u);
}

// An expected recipient that failed before the start may come again, and then
// has the same record.
TEST(CountersTest, ARecordThatIsUsedAgainCountsAgain) {
  SessionOptions options;
  options.expected = {{asio::ip::address_v4::loopback(), "a"}};
  options.start.ignore_start_byte = true;
  OneSession one(FileOf(Content(1000)), options);
  Peer early(one.port());
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, 1));
  early.Reset();
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, 1));
  ReadingPeer again(one.port(), 0);
  EXPECT_EQ(again.Join().data.size(), 1000u);
  ASSERT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);

  const auto values = one.engine().Measure().counters;
  EXPECT_EQ(Failures(values, Reason::kHandshakeClosed), 1u);
  EXPECT_EQ(Ended(values, RecipientState::kDelivered), 1u);
  EXPECT_EQ(Total(values.handshakes), 1u);
}

TEST(MeasureTest, SumsTheWindowsOfStreams) {
  const std::string content = Content(5000);
  auto source = std::make_shared<StreamSource>(8000);
  source->Append({.owner = nullptr, .data = std::as_bytes(std::span(content))});
  OneSession one(source);
  const Source::Window window = one.engine().Measure().window;
  EXPECT_EQ(window.held, 5000u);
  EXPECT_EQ(window.size, 8000u);
  ASSERT_TRUE(one.Call(&Session::Cancel).ok());
  ASSERT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
  // The engine lets go of it a moment after the last update.
  while (one.engine().Measure().window.size > 0) std::this_thread::yield();
}

TEST(MeasureTest, ShowsThatLanesRunAndHowLateTheyAre) {
  Engine engine({.lanes = 2});
  ASSERT_EQ(engine.Measure().lanes.size(), 2u);
  // A lane looks at its lag by itself, and uses its processor to do it.
  const auto looked = [&engine] {
    const auto lanes = engine.Measure().lanes;
    return std::ranges::all_of(lanes, [](const auto& lane) {
      return Total(lane.lag) >= 2 && lane.processor_time > absl::ZeroDuration();
    });
  };
  const absl::Time deadline = absl::Now() + kDeadline;
  while (!looked() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  EXPECT_TRUE(looked());
}

}  // namespace
}  // namespace tcptool::dataplane
