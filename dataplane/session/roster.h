// The recipients of a session: who they are, how each of them fares, and how
// many fare how.
#ifndef TCPTOOL_DATAPLANE_SESSION_ROSTER_H_
#define TCPTOOL_DATAPLANE_SESSION_ROSTER_H_

#include <array>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "dataplane/base/state.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/session/session_options.h"

namespace tcptool::dataplane {

// One thread at a time.
class Roster {
 public:
  // Of the peers that nobody expects and that have ended, so many are kept: of
  // those that were sent nothing, and of the others. The oldest go first, and
  // stay in the counts.
  static constexpr size_t kMaxStrangers = 1000;
  static constexpr size_t kMaxServed = 10'000;
  // The same, over all sessions that run: when there are more, a session keeps
  // the newest one of its own only in place of an older one.
  static constexpr uint64_t kMaxOverAll = 200'000;
  // Of an expected recipient's connections before its last one, so many are
  // kept; the oldest go first.
  static constexpr size_t kMaxEarlierAttempts = 8;

  // Those that are expected come first. The ids of others are above `last_id`
  // too. `counters` outlives it.
  Roster(const std::vector<ExpectedRecipient>& expected, uint64_t last_id,
         Counters& counters);
  ~Roster();

  // Takes up recipients of a session of before, first of all. They are not
  // counted in the counters, which are this process's.
  void Restore(const std::vector<RecipientStatus>& recipients);

  // A peer has connected: it takes the place of an expected recipient that has
  // not come from its address, or that came and ended without the content, as
  // that one's next attempt; otherwise a new one.
  RecipientStatus Connect(const asio::ip::tcp::endpoint& peer);
  // Keeps a record of a peer that is turned away.
  void Reject(const asio::ip::tcp::endpoint& peer, Reason reason,
              std::string detail);
  // Takes a recipient's new status. True: it has become READY.
  bool Merge(const RecipientStatus& status);
  // Forgets that a recipient has become READY: there is no room for it.
  void Refuse(uint64_t id) { entries_[id].was_ready = false; }

  // Null: there is none, or it is not kept any longer.
  const RecipientStatus* Find(uint64_t id) const;

  uint64_t count(RecipientState state) const {
    return counts_[static_cast<size_t>(state)];
  }
  // Those that have a connection.
  uint64_t connected() const;
  // The session starts: whoever is READY then or later counts in its outcome.
  void OnStart() { started_ = true; }
  // What a session's result is made of. Where recipients are expected, they
  // alone decide it, and each counts once, however often it has come. Otherwise
  // those do that were READY at the start or later, and whom nobody dropped.
  struct Outcome {
    uint64_t delivered = 0;
    uint64_t missing = 0;
  };
  Outcome outcome() const;
  // False as well if none is expected.
  bool AllExpectedAreDelivered() const {
    return expected_ > 0 && expected_delivered_ == expected_;
  }
  // False as well if none is expected.
  bool AllExpectedAreReady() const {
    return expected_ > 0 && expected_ready_ == expected_;
  }
  // Puts the sums over all recipients into a session's status.
  void Sum(SessionStatus& session) const;

  // Since the last ClearChanges(), in order: statuses, and ids that are not
  // kept any longer.
  const std::vector<RecipientStatus>& changed() const { return changed_; }
  const std::vector<uint64_t>& forgotten() const { return forgotten_; }
  void ClearChanges();

 private:
  struct Entry {
    RecipientStatus status;
    bool was_ready = false;
  };

  bool MergeUncounted(const RecipientStatus& status);
  bool IsExpected(uint64_t id) const { return id <= expected_; }
  // Who has an expected recipient's record, and whether another may.
  void MergeExpected(const RecipientStatus& before,
                     const RecipientStatus& after);
  // Keeps the record of one that has ended, in place of older ones if there are
  // too many.
  void KeepEnded(uint64_t id, std::deque<uint64_t>& ended, size_t max);

  const uint64_t expected_;
  Counters& counters_;
  std::map<uint64_t, Entry> entries_;  // By id.
  uint64_t last_id_ = 0;
  std::array<uint64_t, kRecipientStates> counts_{};
  uint64_t bytes_sent_ = 0;
  uint64_t bytes_acked_ = 0;
  bool started_ = false;
  uint64_t failed_since_start_ = 0;  // Of those that nobody expects.
  uint64_t expected_ready_ = 0;
  uint64_t expected_delivered_ = 0;
  // Ended ones that nobody expects, by age: they were sent nothing, or were.
  std::deque<uint64_t> strangers_;
  std::deque<uint64_t> served_;
  // The records of expected recipients that wait for a connection from their
  // address.
  std::map<asio::ip::address, std::set<uint64_t>> vacant_;
  std::vector<RecipientStatus> changed_;
  std::vector<uint64_t> forgotten_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_ROSTER_H_
