// How far nodes are, asked of the coordinator.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_PROGRESS_LOOKUP_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_PROGRESS_LOOKUP_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "server/fleet/state/node_progress.h"

namespace tcptool::fleet {

// Has one call under way for each distribution, however many ask; what it has
// told is used for a second. A coordinator that does not answer is not asked
// again for 5 s, in which nothing is known. Of what nobody asks for any more
// nothing is kept.
//
// All is on one thread.
class ProgressLookup {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // None: it has not told, within the time that a client may wait.
  using Told = std::optional<std::vector<NodeProgress>>;
  // Asks the coordinator at `address`, and calls `done` once, at once or later.
  using Ask = std::function<void(
      const std::string& address, const std::string& distribution,
      int64_t revision, std::function<void(Told)> done)>;
  using Done = std::function<void(const ProgressByNode&)>;

  // `now`: the time that ages are counted from.
  ProgressLookup(Ask ask, std::function<absl::Time()> now,
                 std::function<Time()> clock = std::chrono::steady_clock::now)
      : ask_(std::move(ask)), now_(std::move(now)), clock_(std::move(clock)) {}
  ProgressLookup(const ProgressLookup&) = delete;
  ProgressLookup& operator=(const ProgressLookup&) = delete;

  // `done` is called once, at once or later; not any more once this is
  // destroyed.
  void Get(const std::string& address, const std::string& distribution,
           int64_t revision, Done done);

 private:
  using Key = std::pair<std::string, int64_t>;  // Distribution and revision.
  struct Answer {
    std::string address;  // Of who was asked.
    bool is_asking = false;
    Time next;  // When it is asked again.
    std::shared_ptr<const ProgressByNode> known;
    std::vector<Done> waiting;
  };

  void Take(const Key& key, const Told& told);

  const Ask ask_;
  const std::function<absl::Time()> now_;
  const std::function<Time()> clock_;
  std::map<Key, Answer> answers_;
  // Gone with this: for what is called later.
  const std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_PROGRESS_LOOKUP_H_
