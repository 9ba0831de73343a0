#include "dataplane/lanes/counters.h"

#include <algorithm>

namespace tcptool::dataplane {
namespace {

// A handshake is a round trip, or the time until somebody has typed a byte.
constexpr std::array kHandshakeBounds = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1,
                                         0.25,  0.5,   1.0,  2.5,   5.0,  10.0};
// From a few packets in a rack to a disk image over a slow link.
constexpr std::array kDeliveryBounds = {0.01, 0.05, 0.1,  0.5,   1.0,   5.0,
                                        15.0, 60.0, 300., 900.0, 3600., 14400.};

constexpr auto kRelaxed = std::memory_order_relaxed;

void Add(std::atomic<uint64_t>& count, uint64_t more = 1) {
  count.fetch_add(more, kRelaxed);
}

// Adds the growth of a value. One that decreased was reset, for a recipient's
// next attempt.
void AddGrowth(std::atomic<uint64_t>& count, uint64_t before, uint64_t after) {
  if (after > before) Add(count, after - before);
}

template <typename Counts, typename Values>
void Read(const Counts& counts, Values& values) {
  std::ranges::transform(counts, values.begin(), [](const auto& count) {
    return count.load(kRelaxed);
  });
}

}  // namespace

void DurationHistogram::Add(absl::Duration duration) {
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(duration));
  const auto bound = std::ranges::lower_bound(bounds_, seconds);
  dataplane::Add(counts_[bound - bounds_.begin()]);
  sum_microseconds_.fetch_add(static_cast<int64_t>(seconds * 1e6), kRelaxed);
}

DurationHistogram::Values DurationHistogram::Read() const {
  Values values{.bounds = bounds_,
                .counts = std::vector<uint64_t>(counts_.size()),
                .sum_seconds = sum_microseconds_.load(kRelaxed) / 1e6};
  dataplane::Read(counts_, values.counts);
  return values;
}

Counters::Counters()
    : handshakes_(kHandshakeBounds), deliveries_(kDeliveryBounds) {}

void Counters::SessionCreated() { Add(sessions_created_); }

void Counters::SessionEnded(SessionState state) {
  Add(sessions_ended_[static_cast<size_t>(state)]);
}

void Counters::RecipientChanged(const RecipientStatus& before,
                                const RecipientStatus& after) {
  AddGrowth(bytes_sent_, before.bytes_sent, after.bytes_sent);
  if (!after.node.empty()) {
    AddGrowth(bytes_to_nodes_, before.bytes_sent, after.bytes_sent);
  }
  AddGrowth(bytes_acked_, before.bytes_acked, after.bytes_acked);
  if (after.handshake_time < absl::InfiniteDuration() &&
      before.handshake_time == absl::InfiniteDuration()) {
    handshakes_.Add(after.handshake_time);
  }
  if (!IsFinal(after.state) || IsFinal(before.state)) return;
  Add(recipients_ended_[static_cast<size_t>(after.state)]);
  if (after.reason != Reason::kNone) {
    Add(failures_[static_cast<size_t>(after.reason)]);
  }
  if (after.state == RecipientState::kDelivered) {
    deliveries_.Add(after.transfer_time);
  }
}

Counters::Values Counters::Read() const {
  Values values;
  values.sessions_created = sessions_created_.load(kRelaxed);
  dataplane::Read(sessions_ended_, values.sessions_ended);
  dataplane::Read(recipients_ended_, values.recipients_ended);
  dataplane::Read(failures_, values.failures);
  values.bytes_sent = bytes_sent_.load(kRelaxed);
  values.bytes_to_nodes = bytes_to_nodes_.load(kRelaxed);
  values.bytes_acked = bytes_acked_.load(kRelaxed);
  values.handshakes = handshakes_.Read();
  values.deliveries = deliveries_.Read();
  return values;
}

}  // namespace tcptool::dataplane
