// The recipients of a session: who they are, what has become of each of them,
// and how many are in which state.
#ifndef TCPTOOL_DATAPLANE_SESSION_ROSTER_H_
#define TCPTOOL_DATAPLANE_SESSION_ROSTER_H_

#include <array>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "dataplane/base/state.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/sending/progress.h"
#include "dataplane/session/session_options.h"

namespace tcptool::dataplane {

// A record (its id is RecipientStatus::id, from 1) is what the session's owner
// sees of a recipient; a connection (its number, from 1, is never reused) is
// what a fan-out serves. Each record has one connection at a time.
//
// The record of an expected recipient is its place. If the place's connection
// has not completed the handshake, or has ended without DELIVERED, the place
// goes to the next connection from its address that completes the handshake, or
// to one that has completed it already; a vacant one first to one from there
// that is DELIVERED: its host has the content. So neither a peer that stays
// silent nor a stale connection of a host that has lost power keeps the host
// from its place. The two records then swap their contents; if the place's
// connection had ended, its next attempt begins.
//
// Where places are of identities, names in certificates, nobody's are known
// before the handshake is complete: then no connection gets a place before
// that. The place goes to the connection that has the name, wherever it comes
// from; the record that this had is forgotten, unless the place's was of
// another connection that is there: then they swap, as above. A place that is
// vacant, of an address too, is given in that way there. Of a connection that
// could have two places, the one of its name counts.
//
// A node that comes again goes on in its record. But a place is its address's,
// also for nodes, whatever address their call has come from: from another
// address a node does not get back into the place that it had, and where its
// address has a vacant place, it takes that. The record that it has left stays
// as it is.
//
// One thread at a time.
class Roster {
 public:
  // Limits of the records of ended recipients that were not expected: of those
  // that were sent nothing, and of the others. The oldest records are dropped
  // first; the counts still include them.
  static constexpr size_t kMaxStrangers = 1000;
  static constexpr size_t kMaxServed = 10'000;
  // Limit of these records over all running sessions: above it, a session that
  // adds a record drops an older one of its own.
  static constexpr uint64_t kMaxOverAll = 200'000;
  // How many earlier connections of an expected recipient are kept; the oldest
  // are dropped first.
  static constexpr size_t kMaxEarlierAttempts = 8;

  // A node that comes again so often while nobody else is connected, and gets
  // less of the content than kProgress in all that time, is lost for good: it
  // alone would keep the session from its end.
  static constexpr int kMostReturns = 16;
  static constexpr uint64_t kProgress = Progress::kFloor;

  // Expected recipients that have no id yet get the next ones, in their order.
  // Other ids are also above `last_id`. `counters` must outlive the roster.
  Roster(const std::vector<ExpectedRecipient>& expected, uint64_t last_id,
         Counters& counters);
  ~Roster();

  // Takes over the recipients of a session from before a restart. Call it
  // first. They are not counted in the counters, which are this process's.
  void Restore(const std::vector<RecipientStatus>& recipients);

  // More recipients are expected. Where an address, or an identity, has a
  // connection without a place, or one that was DELIVERED without one, its
  // record becomes the place.
  // Returns the records' ids.
  std::vector<uint64_t> Expect(
      const std::vector<ExpectedRecipient>& recipients);

  // A peer has connected, and is HANDSHAKING. Of `recipient`, its peer, node,
  // offset and names are used. A node that has not got the content in an
  // earlier connection, which has ended, goes on in the same record, unless
  // that is, or its address has, another place. Returns the status for its
  // fan-out, whose `id` is the number of the connection.
  RecipientStatus Connect(const RecipientStatus& recipient);
  RecipientStatus Connect(const asio::ip::tcp::endpoint& peer) {
    return Connect(RecipientStatus{.peer = peer});
  }
  // Whether this node has been here, was neither DELIVERED nor DROPPED, and has
  // not come again kMostReturns times for nothing. Its last connection may
  // still seem to be open.
  bool MayReturn(const std::string& node) const;
  // A node has been lost, having acknowledged the content up to this position.
  // False: that is less than kProgress behind the last one that was noted.
  bool NoteLost(const std::string& node, uint64_t position);
  // The connection that this node has; 0: none.
  uint64_t ConnectionOfNode(const std::string& node) const;
  // Nodes that were being served, and have FAILED.
  uint64_t missing_nodes() const;
  // Nodes whose last record is kept, and is theirs still: no more than records.
  size_t known_nodes() const { return nodes_.size(); }
  // Adds a record of a peer that is REJECTED before a fan-out gets it.
  void Reject(const asio::ip::tcp::endpoint& peer, Reason reason,
              std::string detail);
  // Applies a fan-out's report; `status.id` is the number of the connection.
  // Reports after a final state are ignored.
  void Update(const RecipientStatus& status);

  // Whether the connection is open, and its byte has not come.
  bool IsHandshaking(uint64_t connection) const;
  // In the order in which they connected.
  std::vector<uint64_t> ReadyConnections() const;
  // By the id of a record. Null: there is none, or it is no longer kept.
  const RecipientStatus* Find(uint64_t id) const;
  // The connection of a record; 0: it has none.
  uint64_t ConnectionOf(uint64_t id) const;

  uint64_t count(RecipientState state) const {
    return counts_[static_cast<size_t>(state)];
  }
  // Those that have a connection.
  uint64_t connected() const;
  // The session starts: recipients that are READY now or later count in its
  // outcome.
  void OnStart() { started_ = true; }
  // What a session's result is computed from. If recipients are expected, only
  // these count, each once however often it has connected. Otherwise, those
  // count that were READY at the start or later, unless the owner dropped them.
  struct Outcome {
    uint64_t delivered = 0;
    uint64_t missing = 0;
  };
  Outcome outcome() const;
  bool expects() const { return !keys_.empty(); }
  // False as well if none is expected.
  bool AllExpectedAreDelivered() const {
    return !keys_.empty() && expected_delivered_ == keys_.size();
  }
  // False as well if none is expected.
  bool AllExpectedAreReady() const {
    return !keys_.empty() && expected_ready_ == keys_.size();
  }
  // Puts the sums over all recipients into a session's status.
  void Sum(SessionStatus& session) const;

  // What has changed since the last ClearChanges(), in order: statuses, and ids
  // of records that were dropped.
  const std::vector<RecipientStatus>& changed() const { return changed_; }
  const std::vector<uint64_t>& forgotten() const { return forgotten_; }
  void ClearChanges();

 private:
  struct Record {
    RecipientStatus status;
    uint64_t connection = 0;  // 0: none.
    bool is_missing = false;  // It counts as failed since the start.
  };
  // Whose a place is: an address, or an identity.
  using Key = std::variant<asio::ip::address, std::string>;
  // Of one key. Ids of records.
  struct Places {
    // Expected ones without a connection: EXPECTED, or ended, not DELIVERED.
    std::set<uint64_t> vacant;
    std::set<uint64_t> handshaking;  // Expected ones.
    // Not expected; their handshake is complete, and they have not ended.
    std::set<uint64_t> without_place;
    // Not expected; DELIVERED.
    std::set<uint64_t> delivered;
  };

  static Key KeyOf(const ExpectedRecipient& recipient);
  // Those that are a recipient's, its identities first.
  static std::vector<Key> KeysOf(const RecipientStatus& status);
  // The same, of those that have places.
  std::vector<Key> KeysWithPlaces(const RecipientStatus& status) const;
  // Whether a recipient has this address, or this identity.
  static bool IsOf(const Key& key, const RecipientStatus& status);
  bool IsExpected(uint64_t id) const { return keys_.contains(id); }
  // Adds the record of an expected recipient, and returns its id.
  uint64_t AddPlace(const ExpectedRecipient& recipient);
  // A record that was not expected is now that of an expected recipient.
  void BecomePlace(uint64_t id, const ExpectedRecipient& recipient);
  // Replaces a record's contents, except for its id, label and attempts.
  // `connection` is its connection from now on; 0: none.
  void Set(uint64_t id, RecipientStatus status, uint64_t connection);
  // Replaces all of a record's contents.
  void Replace(const RecipientStatus& status, uint64_t connection);
  // The record of a node's last connection. Null: there is none.
  const RecipientStatus* FindNode(const std::string& node) const;
  // Whether it is a node that has another record since: it had connected again
  // before it was known that it was lost.
  bool CameAgain(const RecipientStatus& status) const;
  // A record of one that had ended, and was not expected, is in use again.
  void Revive(uint64_t id);
  // The record gets another connection: its contents become one of its earlier
  // attempts.
  static void BeginAttempt(RecipientStatus& status);
  // Adds a record to the sums and the places (`sign` is 1), or takes it out of
  // them (-1).
  void Count(const RecipientStatus& status, int sign);
  void CountPlace(const RecipientStatus& status, int sign);
  static void CountOther(const RecipientStatus& status, Places& places,
                         int sign);
  // Gives the open places of a key to connections that are its own and have
  // none, and the vacant ones first to those that were DELIVERED without one.
  void FillPlaces(const Key& key);
  // Gives a vacant place to one that has none.
  void Give(uint64_t place, uint64_t other);
  // Swaps the contents of two records, their connections and their nodes.
  void Exchange(uint64_t one, uint64_t other);
  // The record `id` is not that of the node any more.
  void ForgetNode(const std::string& node, uint64_t id);
  // Keeps the record of a recipient that has ended, and drops older ones above
  // `max`.
  void KeepEnded(uint64_t id, std::deque<uint64_t>& ended, size_t max);

  // Of the expected, by the ids of their records.
  absl::flat_hash_map<uint64_t, Key> keys_;
  bool has_identities_ = false;  // Of some places.
  Counters& counters_;
  std::map<uint64_t, Record> records_;  // By id.
  uint64_t last_id_ = 0;
  // The records of connections that are open, by the connections' numbers.
  absl::flat_hash_map<uint64_t, uint64_t> connections_;
  uint64_t last_connection_ = 0;
  std::array<uint64_t, kRecipientStates> counts_{};
  uint64_t bytes_sent_ = 0;
  uint64_t bytes_acked_ = 0;
  bool started_ = false;
  uint64_t failed_since_start_ = 0;  // Of those not expected.
  uint64_t expected_ready_ = 0;
  uint64_t expected_delivered_ = 0;
  // Not expected and ended, oldest first: those that were sent nothing, and the
  // others.
  std::deque<uint64_t> strangers_;
  std::deque<uint64_t> served_;
  // Only keys of expected recipients.
  std::map<Key, Places> places_;
  struct Node {
    uint64_t id = 0;  // The last record of it.
    // Where it was lost; what follows counts from there.
    std::optional<uint64_t> lost_at;
    int returns = 0;  // Since then.
  };
  absl::flat_hash_map<std::string, Node> nodes_;
  std::vector<RecipientStatus> changed_;
  std::vector<uint64_t> forgotten_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_ROSTER_H_
