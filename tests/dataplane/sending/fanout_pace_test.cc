// A fan-out beside another lane, which the test is.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "dataplane/lanes/block_cache.h"
#include "tests/dataplane/sending/one_fanout.h"

namespace tcptool::dataplane {
namespace {

constexpr uint64_t kLead = Pace::kLeastLead;
constexpr size_t kSize = 6 * kLead;

// `behind`: what becomes of the other lane, for the fan-out to go on.
template <typename Behind>
void ExpectThatItPausesUntil(Behind behind) {
  const std::string content = Content(kSize);
  const auto pace = std::make_shared<Pace>(2, kSize);
  pace->Set(1, 0, Clock::now() + std::chrono::hours(1));
  OneFanout fanout(FileOf(content), {}, SocketApi::Real(), PacedLane(pace, 0));
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  std::string received = peer->Read(kLead + 1).data;
  // Nothing comes behind the block in which it got too far ahead.
  const timeval soon{.tv_sec = 0, .tv_usec = 300'000};
  setsockopt(peer->fd(), SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof soon);
  const Peer::Result more = peer->Read();
  EXPECT_EQ(more.error, EAGAIN);
  received += more.data;
  EXPECT_LE(received.size(), kLead + BlockCache::kBlockSize);
  // The lane runs what else there is meanwhile.
  fanout.Call([] {});
  behind(*pace);
  const timeval deadline = absl::ToTimeval(kDeadline);
  setsockopt(peer->fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
  received += peer->ReadAndClose().data;
  EXPECT_TRUE(received == content);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kDelivered));
}

TEST(FanoutPaceTest, PausesUntilTheOtherLaneHasCaughtUp) {
  ExpectThatItPausesUntil([](Pace& pace) {
    pace.Set(1, kSize, Clock::now() + std::chrono::hours(1));
  });
}

TEST(FanoutPaceTest, PausesUntilTheOtherLaneLacksTheProcessorNoMore) {
  ExpectThatItPausesUntil([](Pace& pace) { pace.Set(1, 0, Clock::now()); });
}

TEST(FanoutPaceTest, PausedLaneCanBeClosed) {
  const auto pace = std::make_shared<Pace>(2, kSize);
  pace->Set(1, 0, Clock::now() + std::chrono::hours(1));
  OneFanout fanout(FileOf(Content(kSize)), {}, SocketApi::Real(),
                   PacedLane(pace, 0));
  auto peer = fanout.AddReady(1);
  fanout.Serve({1});
  EXPECT_EQ(peer->Read(kLead + 1).error, 0);
  fanout.Call([&] { fanout->CloseAll(Reason::kSessionCancelled, "it was"); });
  EXPECT_EQ(peer->Read().error, ECONNRESET);
  EXPECT_TRUE(fanout.WaitFor(1, RecipientState::kFailed));
}

}  // namespace
}  // namespace tcptool::dataplane
