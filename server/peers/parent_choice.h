// Whom of its nodes a reception follows, and when it asks others.
#ifndef TCPTOOL_SERVER_PEERS_PARENT_CHOICE_H_
#define TCPTOOL_SERVER_PEERS_PARENT_CHOICE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace tcptool::server {

// Follows one node at a time. After whatever goes wrong the next one is asked,
// at once the first time around and with growing pauses after that, until one
// serves, or none has for `wait`. Who has said of the content what cannot be,
// or has sent bad blocks, is asked no more. While the node that is followed has
// nobody to receive from itself, sends nothing of what it has, or nothing for
// long, others are asked beside it. Has no clock, no timers and no calls: it is
// told of what happens, and says what to do. Nodes are numbers, the preferred
// one is 0.
class ParentChoice {
 public:
  using Clock = std::chrono::steady_clock;
  using Time = Clock::time_point;
  using Duration = Clock::duration;

  struct Timing {
    Duration first_pause = std::chrono::milliseconds(100);
    Duration longest_pause = std::chrono::seconds(2);
    // How long a node that has not begun is asked again before others are, as
    // long as there was no connection to anybody.
    Duration not_begun = std::chrono::seconds(5);
    // How long a node may have nobody to receive from before others are asked.
    Duration stranded = std::chrono::seconds(1);
    // How long a node may send nothing of what it could send.
    Duration no_bytes = std::chrono::seconds(10);
    // How long nothing may come, whatever the node says that it could send: its
    // disk may hang. Also the longest pause between rounds of a search for that
    // alone, as the content may come from somebody who takes that long.
    Duration idle = std::chrono::seconds(30);
  };
  // What a node's message says of the node.
  struct Said {
    std::optional<bool> is_stranded;
    std::optional<uint64_t> watermark;  // Bytes.
    // Of the content, what the current node has not said.
    bool tells_more = false;
    // Its content ends before what has come: one of the two is another one.
    bool is_shorter = false;
  };
  // How the connection before was given up.
  enum class Loss : uint8_t {
    kNone,  // There was none.
    kLost,
    kSilent,         // Nothing came on it.
    kBadBlock,       // The block at the offset was not what it should be.
    kContradiction,  // What was said of the content cannot be.
  };
  // What is wrong with the current node, which another one might not have.
  enum class Fault : uint8_t {
    kNone,
    kIdle,      // Nothing comes from it, and it says nothing that explains it.
    kBehind,    // It sends nothing of what it has.
    kStranded,  // It has nobody to receive from.
  };
  enum class Step : uint8_t {
    kFollow,       // The current node, after `pause`; it may be another one.
    kFollowAgain,  // The same one as before, after `pause`.
    kGiveUp,
  };
  struct Next {
    Step step;
    Duration pause{};
  };
  // A node that is to be asked beside the current one.
  struct Probe {
    size_t node;
    Duration pause;  // Before that.
  };

  // A node among those from now on: one of those before, of the new plan, or
  // both.
  struct Place {
    std::optional<size_t> before;   // Which one it was.
    std::optional<size_t> in_plan;  // Which one of the new plan it is.
  };

  // How many bad blocks a node may send; anew for what is kForgiven bytes
  // behind the last of them, as a line that breaks a bit now and then is no
  // reason to give up.
  static constexpr int kMostBadBlocks = 3;
  static constexpr uint64_t kForgiven = uint64_t{64} << 20;

  // `nodes`: at least one. `wait`: see NodePlan.
  ParentChoice(size_t nodes, Duration wait, const Timing& timing);

  // Whom to follow.
  size_t current() const { return current_; }
  // Whom the last connection is, or was, to.
  size_t sender() const { return sender_; }
  // Whether it is asked no more.
  bool has_lied(size_t node) const { return nodes_[node].has_lied; }
  // Nobody sends, as far as is known, and nobody has been found who would.
  // Whoever follows is told so.
  bool is_stranded() const { return is_stranded_; }

  // The nodes are those of `plan` from now on, the preferred one first; each is
  // one of those before, or a new one. Returns them in their order: once one
  // was called, the current one and the sender stay among them, and the current
  // one is behind all others if another one is preferred. Who has lied is not
  // preferred. What is known of those that are not among them any more is
  // forgotten.
  std::vector<Place> Replace(const std::vector<std::optional<size_t>>& plan);
  // The current one is to be left for the preferred one, or for another that
  // comes before it in the plan, if that suits; whatever the current one does.
  // It is so after Replace(), and when the preferred one was left for no fault
  // of its own: it may have somebody to receive from again, or have begun.
  bool prefers_other() const { return prefers_other_; }
  // The first one that has not lied.
  size_t preferred() const;

  // A connection is wanted, on which the content comes from `offset` on.
  // `is_its_word`: what was wrong was said by the current node alone. It is its
  // own fault if it has sent all that has come from `offset` on, too; if not,
  // that one says, and sends, all anew.
  Next Connect(uint64_t offset, Loss loss, bool is_its_word, Time now);
  // Whether all may come anew because the node's content ends before what has
  // come: once for each node, as who says so may only want that dropped.
  bool may_start_anew(size_t node) const {
    return !nodes_[node].has_started_anew;
  }
  // It does so, from the current node.
  void StartsAnew() { nodes_[current_].has_started_anew = true; }
  // The current node is called.
  void Called(Time now);
  // It has given a connection.
  void Connected(Time now);
  // It does not serve. `is_refusal`: trying again does not mend that.
  // `position`: up to which the content has come.
  Next Failed(bool is_refusal, uint64_t position, Time now);
  // It knows nothing of the content yet. When a distribution starts, nodes hear
  // of it one after the other: who hears of it before its parent waits for that
  // one, as all would come to receive from the source if they left it. Who is
  // in the plan no more is not waited for where all have lied that are in it.
  Next NotBegun(uint64_t position, Time now);
  // It has said what cannot be, by itself.
  Next Lied(uint64_t position, Time now);
  // It has said this; `silent_since`: see dataplane::ContentClaims.
  void Heard(const Said& said, uint64_t position, Time silent_since, Time now);

  // Whether the current node is to be asked for a connection: the one that
  // there is is another node's, and nothing comes on it any more, or this one
  // could have sent for long what comes on it.
  bool wants_connection() const { return wants_connection_; }

  // Whether others are to be asked beside the current node.
  bool wants_other() const { return fault_ != Fault::kNone || prefers_other_; }
  Fault fault() const { return fault_; }
  // Number of the search for one: with another number it begins anew, at once.
  uint64_t search() const { return search_; }
  // Whom, then; again after each that does not suit. None: there is nobody.
  std::optional<Probe> NextProbe();
  // Whether a node that says this would be better than the current one.
  bool Suits(const Said& said, uint64_t position) const;
  // It is the current one from now on; the connection to the one before is
  // given up later.
  void MoveTo(size_t node);
  // Digests are asked for by a call of their own: the node may end the
  // connection that came with the call before, and is none to be left for that.
  void CalledAgain() { keeps_node_ = true; }

 private:
  // Behind all ranks.
  static constexpr size_t kUnplanned = ~size_t{0};

  struct Node {
    size_t rank = kUnplanned;  // Its place in the plan.
    // For what it has done, or has not, since there is that plan.
    bool was_left = false;
    // It has said, since the trouble began, that it cannot give the content.
    bool has_refused = false;
    bool has_lied = false;
    bool has_started_anew = false;
    int bad_blocks = 0;
    uint64_t bad_at = 0;  // The highest offset of one.
  };

  // Whether the preferred one was left for no fault of its own.
  bool IsToGoBack() const;
  // Whether the connection was worth having.
  bool WasGood(uint64_t position, bool counts_time, Time now) const;
  void BeginTrouble(Time now);
  bool IsOver(Time now) const;
  // Goes on with the next node, or gives up.
  Next GoOn(bool is_refusal, Time now);
  Fault FaultAt(Time silent_since, Time now) const;
  bool IsGrave() const { return fault_ > Fault::kIdle; }
  // Whether a node may be asked beside the current one; whether any may.
  bool IsToProbe(size_t node) const;
  bool HasOther() const;
  // What is asked next is asked at once.
  void BeginSearch();
  void EndSearch();
  void FoundNobody();

  const Duration wait_;
  const Timing timing_;
  std::vector<Node> nodes_;
  size_t current_ = 0;
  size_t sender_ = 0;
  bool is_connected_ = false;
  bool keeps_node_ = false;  // Whatever becomes of the connection.
  uint64_t offset_ = 0;      // Where the connection begins.
  // All that has come from here on was sent by the sender. At first nothing.
  uint64_t sent_from_ = ~uint64_t{0};
  Time connected_at_;
  Time called_at_;
  Time call_not_before_;  // The pause before the next call ends.
  // Since when nobody has served. None: somebody does.
  std::optional<Time> trouble_since_;
  size_t tries_ = 0;  // Since then.

  uint64_t furthest_ = 0;   // Up to which content has come.
  size_t calls_ = 0;        // Since some has.
  bool has_begun_ = false;  // One was called.
  bool is_stranded_ = false;

  // Of the current node, since it was called.
  std::optional<Time> stranded_since_;
  std::optional<Time> behind_since_;  // It could send more than has come.
  Fault fault_ = Fault::kNone;
  bool prefers_other_ = false;
  bool wants_connection_ = false;
  // Of the search for another:
  uint64_t search_ = 0;
  size_t probed_ = 0;  // Nodes behind the current one, in this round.
  size_t rounds_ = 0;  // Before it.
  bool found_nobody_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PARENT_CHOICE_H_
