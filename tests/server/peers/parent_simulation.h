// Receptions that follow each other, sources, and nodes that are no good, on a
// clock of the simulation's own. The decisions are ParentChoice's; calls,
// connections and the content are numbers here.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_PARENT_SIMULATION_H_
#define TCPTOOL_TESTS_SERVER_PEERS_PARENT_SIMULATION_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "server/peers/parent_choice.h"

namespace tcptool::server {

class ParentSimulation {
 public:
  using Time = ParentChoice::Time;
  using Duration = ParentChoice::Duration;

  enum class Kind : uint8_t {
    kSource,
    kReception,
    kSilent,        // Says that it has all, and sends nothing.
    kBadBlocks,     // Sends what is not the content.
    kContradicts,   // Says what cannot be.
    kEndsCalls,     // Ends each call at its first message.
    kTakesBack,     // Gives a connection, and resets it.
    kComesAndGoes,  // Says nothing of itself, sends nothing, and ends calls.
    kBusy,
    kRefuses,
  };

  static constexpr uint64_t kSize = uint64_t{64} << 20;

  explicit ParentSimulation(uint32_t seed) : random_(seed) {}

  size_t Add(Kind kind);
  // Whom a reception has for parents, the preferred one first.
  void Follow(size_t node, std::vector<size_t> parents, Duration wait);
  // It is gone, for good; its host too, which then answers nothing at all.
  void Die(size_t node, bool with_host);
  // It takes nothing any more, as if its disk did not, and says that it is
  // there.
  void Hang(size_t node) { nodes_[node].hangs = true; }
  // A plan with other parents.
  void Replan(size_t node, const std::vector<size_t>& parents);
  void After(Duration time, std::function<void()> what);
  void RunFor(Duration time);

  size_t size() const { return nodes_.size(); }
  Kind kind(size_t node) const { return nodes_[node].kind; }
  bool is_alive(size_t node) const { return nodes_[node].is_alive; }
  bool hangs(size_t node) const { return nodes_[node].hangs; }
  bool is_whole(size_t node) const { return nodes_[node].position == kSize; }
  bool has_given_up(size_t node) const { return nodes_[node].has_given_up; }
  const std::vector<size_t>& parents(size_t node) const {
    return nodes_[node].parents;
  }
  const ParentChoice& choice(size_t node) const { return *nodes_[node].choice; }
  // The most calls that a node has made in a second, and in a minute.
  int most_calls_a_second() const;
  int most_calls_a_minute() const;

  int Below(int limit) {
    return std::uniform_int_distribution<int>(0, limit - 1)(random_);
  }

 private:
  struct Node {
    Kind kind = Kind::kSource;
    bool is_alive = true;
    bool has_host = true;
    bool hangs = false;
    uint64_t position = kSize;
    // Of a reception:
    std::vector<size_t> parents;
    std::optional<ParentChoice> choice;
    bool has_given_up = false;
    uint64_t call = 0;                 // Number of the call.
    uint64_t search = 0;               // Number of the search.
    std::optional<uint64_t> searched;  // ParentChoice::search() of it.
    std::optional<size_t> sender;      // The connection's other end.
    uint64_t connection = 0;           // Number of the connection.
    std::vector<size_t> told_path;
    Time silent_since;
    std::map<int64_t, int> calls;  // In each second.
  };
  // What a node says to one that calls it. None: it refuses.
  struct Answer {
    ParentChoice::Said said;
    std::vector<size_t> path;
  };
  struct Event {
    Time at;
    uint64_t number;
    std::function<void()> run;
    bool operator<(const Event& other) const {
      return std::pair(at, number) > std::pair(other.at, other.number);
    }
  };

  Duration Latency() { return std::chrono::microseconds(100 + Below(50'000)); }
  // What it says to the reception. None: it refuses, or there is nobody.
  std::optional<Answer> Look(size_t node, size_t parent) const;
  // The same, by a call.
  std::optional<Answer> Ask(size_t node, size_t parent);
  // Whether the reception is still at it.
  bool IsAtWork(size_t node) const;
  size_t ParentOf(size_t node) const;
  void Call(size_t node);
  void OnAnswer(size_t node);
  void OnMessage(size_t node, const Answer& answer);
  void TakePiece(size_t node);
  void EndCall(size_t node, bool is_refusal);
  void Lose(size_t node, ParentChoice::Loss loss);
  void LoseSoon(size_t node, ParentChoice::Loss loss);
  void GoOn(size_t node, const ParentChoice::Next& next);
  void Search(size_t node);
  void StopSearch(size_t node);
  void AskAnother(size_t node);
  // Runs `then` unless the call is another one by then.
  void WithCall(size_t node, Duration time, std::function<void()> then);

  std::mt19937 random_;
  Time now_{std::chrono::hours(1)};
  uint64_t events_so_far_ = 0;
  std::priority_queue<Event> events_;
  std::vector<Node> nodes_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_PARENT_SIMULATION_H_
