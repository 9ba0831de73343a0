// Where this node has contents of distributions.
#ifndef TCPTOOL_SERVER_PEERS_DISTRIBUTED_CONTENTS_H_
#define TCPTOOL_SERVER_PEERS_DISTRIBUTED_CONTENTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// What a node of a fleet lets others have under the names of distributions. Any
// thread may call any method.
class DistributedContents {
 public:
  struct File {
    std::string root;  // Of those that it serves files from.
    std::string path;
  };
  // Of what this node sends of a distribution: bytes a second; 0: no limit.
  struct Limits {
    uint64_t total = 0;  // To all others.
    uint64_t each = 0;   // To each of them.

    bool operator==(const Limits&) const = default;
  };
  struct Place {
    // Tells a distribution from others that have had its name.
    int64_t revision = 0;
    // "receptions/{reception}", or a file that it has itself.
    std::variant<std::string, File> where;
    // Why the file of a reception that has succeeded could not be given to
    // another node; OK while that has not happened.
    absl::Status lost;
    Limits limits;
  };

  void Set(const std::string& distribution, Place place) {
    absl::MutexLock lock(&mutex_);
    places_[distribution] = std::move(place);
  }
  // Returns it. No effect if the place is another one's.
  std::optional<Place> Remove(const std::string& distribution,
                              int64_t revision) {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(distribution);
    if (found == places_.end() || found->second.revision != revision) {
      return std::nullopt;
    }
    std::optional<Place> removed = std::move(found->second);
    places_.erase(found);
    return removed;
  }
  // Sets Place::limits. No effect if the place is another one's.
  void SetLimits(const std::string& distribution, int64_t revision,
                 const Limits& limits) {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(distribution);
    if (found == places_.end() || found->second.revision != revision) return;
    found->second.limits = limits;
  }
  // Sets Place::lost. No effect if the reception is none of a distribution.
  void NoteLost(const std::string& reception, const absl::Status& why) {
    absl::MutexLock lock(&mutex_);
    for (auto& [distribution, place] : places_) {
      const auto* const where = std::get_if<std::string>(&place.where);
      if (where != nullptr && *where == reception) place.lost = why;
    }
  }
  std::optional<Place> Find(const std::string& distribution) const {
    absl::MutexLock lock(&mutex_);
    const auto found = places_.find(distribution);
    if (found == places_.end()) return std::nullopt;
    return found->second;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, Place> places_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_DISTRIBUTED_CONTENTS_H_
