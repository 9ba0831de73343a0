// Counters of what the data plane has done, which only grow, independent of any
// metrics system. Recipients are counted from their reports, never on the byte
// path.
#ifndef TCPTOOL_DATAPLANE_LANES_COUNTERS_H_
#define TCPTOOL_DATAPLANE_LANES_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "dataplane/base/state.h"

namespace tcptool::dataplane {

// A histogram of durations. Any thread may call any method; none blocks.
class DurationHistogram {
 public:
  struct Values {
    std::span<const double> bounds;
    // counts[i]: durations of at most bounds[i] and above bounds[i - 1]; the
    // last one: those above all bounds.
    std::vector<uint64_t> counts;
    double sum_seconds = 0;
  };

  // `bounds`: the buckets' upper bounds in seconds, ascending; must outlive the
  // histogram.
  explicit DurationHistogram(std::span<const double> bounds)
      : bounds_(bounds), counts_(bounds.size() + 1) {}

  // A negative duration, from a clock that was set back, counts as zero.
  void Add(absl::Duration duration);
  Values Read() const;

 private:
  const std::span<const double> bounds_;
  std::vector<std::atomic<uint64_t>> counts_;
  std::atomic<int64_t> sum_microseconds_{0};
};

// Any thread may call any method; none waits.
class Counters {
 public:
  struct Values {
    uint64_t sessions_created = 0;
    // By SessionState and by RecipientState; only the final ones are counted.
    std::array<uint64_t, kSessionStates> sessions_ended{};
    std::array<uint64_t, kRecipientStates> recipients_ended{};
    // By Reason: recipients that were FAILED or REJECTED.
    std::array<uint64_t, kReasons> failures{};
    uint64_t bytes_sent = 0;      // Handed to the kernel, over all recipients.
    uint64_t bytes_to_nodes = 0;  // Of these, those for other nodes.
    uint64_t bytes_acked = 0;
    DurationHistogram::Values handshakes;  // From connection to byte.
    DurationHistogram::Values deliveries;  // From the start to the proof.
  };

  Counters();

  void SessionCreated();
  void SessionEnded(SessionState state);
  // A recipient's status has changed from `before` to `after`. For a new
  // recipient, `before` is a default RecipientStatus.
  void RecipientChanged(const RecipientStatus& before,
                        const RecipientStatus& after);

  // Counts the records of ended recipients that all sessions keep, so that they
  // can bound the number. Returns the new number.
  uint64_t AddEndedRecord() { return ++ended_records_; }
  void RemoveEndedRecords(uint64_t count) { ended_records_ -= count; }

  Values Read() const;

 private:
  using Count = std::atomic<uint64_t>;

  Count sessions_created_{0};
  std::array<Count, kSessionStates> sessions_ended_{};
  std::array<Count, kRecipientStates> recipients_ended_{};
  std::array<Count, kReasons> failures_{};
  Count bytes_sent_{0};
  Count bytes_to_nodes_{0};
  Count bytes_acked_{0};
  Count ended_records_{0};
  DurationHistogram handshakes_;
  DurationHistogram deliveries_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_COUNTERS_H_
