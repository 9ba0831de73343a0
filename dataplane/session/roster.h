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
  // Of the peers that never got as far as READY, so many are kept; the oldest
  // go first, and stay in the counts.
  static constexpr size_t kMaxStrangers = 1000;

  // Those that are expected come first. The ids of others are above `last_id`
  // too. `counters` outlives it.
  Roster(const std::vector<ExpectedRecipient>& expected, uint64_t last_id,
         Counters& counters);

  // A peer has connected: it takes the place of an expected recipient that has
  // not come from its address, or that came and failed; otherwise a new one.
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
  // Those that FAILED after they had been READY.
  uint64_t failed() const { return failed_; }
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

  bool IsExpected(uint64_t id) const { return id <= expected_; }
  // Who has an expected recipient's record, and whether another may.
  void MergeExpected(const RecipientStatus& before,
                     const RecipientStatus& after);
  void AddStranger(uint64_t id);

  const uint64_t expected_;
  Counters& counters_;
  std::map<uint64_t, Entry> entries_;  // By id.
  uint64_t last_id_ = 0;
  std::array<uint64_t, kRecipientStates> counts_{};
  uint64_t bytes_sent_ = 0;
  uint64_t bytes_acked_ = 0;
  uint64_t failed_ = 0;
  uint64_t expected_ready_ = 0;
  std::deque<uint64_t> strangers_;  // Ended without having been READY.
  // The records of expected recipients that wait for a connection from their
  // address.
  std::map<asio::ip::address, std::set<uint64_t>> vacant_;
  std::vector<RecipientStatus> changed_;
  std::vector<uint64_t> forgotten_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_ROSTER_H_
