// The distributions as clients see them, and the order in which they changed.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_TABLE_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/fleet/counts/fleet_counts.h"
#include "server/fleet/service/api.h"
#include "server/watch/change_batch.h"
#include "server/watch/change_log.h"
#include "server/watch/session_filter.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::fleet {

// NOT_FOUND: there is no distribution of this name.
absl::Status NoSuchDistribution(absl::string_view name);

// What SessionTable is for sessions; its comment says how watchers are served.
// Any thread may call any method.
//
// Get(), List() and Begin() are UNAVAILABLE before SetReady().
class DistributionTable {
 public:
  struct Filter : server::WatchFilter<api::DistributionFilter> {
    bool include_moves = false;
  };

  // The position of a watcher.
  struct Cursor {
    bool in_snapshot = true;
    // In the snapshot: the number of the next distribution.
    int64_t snapshot_distribution = 1;
    // Everything up to this was sent, or will be by the snapshot.
    int64_t revision = 0;
    // The newest revision when the snapshot ended; 0: it goes on, or there was
    // none. What was created up to then was in the snapshot, if it was there.
    int64_t snapshot_end = 0;
    // Everything up to this was sent, whatever has moved on in the log since.
    int64_t complete = 0;
  };

  // Revisions begin above `revision`: at the time of the start, so that those
  // of a run before are not taken for this one's.
  explicit DistributionTable(int64_t revision = absl::ToUnixMicros(absl::Now()))
      : log_(revision) {}

  // Everything that there is at the start has been set.
  void SetReady();

  // Adds a distribution, or updates the one of this name. `number`: its place
  // in the order of creation, from 1, the same at all nodes: its spec's create
  // revision. With another number or uid it is another one, and the old one was
  // deleted; so was one of another name that has had the number, as etcd has
  // been restored from a backup. Returns whether something has changed.
  bool Set(api::Distribution distribution, int64_t number);
  // What the record of one of its deliveries,
  // "distributions/D/deliveries/NODE", has of moves now, the oldest first:
  // watchers are told of those that it had not before, as long as it has them.
  // Nothing of a distribution that is not there. Returns whether there is
  // something to tell.
  bool SetMoves(const std::string& distribution, const std::string& delivery,
                const std::vector<api::ParentMove>& moves);
  // Returns whether it was there.
  bool Remove(const std::string& name);

  // NOT_FOUND names the distribution.
  absl::StatusOr<api::Distribution> Get(const std::string& name,
                                        api::View view = api::VIEW_FULL) const;
  absl::StatusOr<api::ListDistributionsResponse> List(
      const api::ListDistributionsRequest& request) const;

  // None before SetReady().
  std::optional<FleetTotals> Count() const;

  // As of SessionTable.
  absl::StatusOr<Cursor> Begin(int64_t resume_revision) const;
  absl::StatusOr<bool> Next(const Filter& filter, Cursor& cursor, size_t limit,
                            api::WatchDistributionsResponse& response) const;

 private:
  struct Move {
    std::shared_ptr<const api::DeliveryMove> message;
    int64_t revision = 0;
  };
  // What an entry of the log is about: a distribution, by its number, or one of
  // its moves.
  struct LogKey {
    int64_t number = 0;
    std::shared_ptr<const api::DeliveryMove> move;
  };
  struct Row {
    api::Distribution status;  // Without the spec.
    api::DistributionSpec spec;
    int64_t create_revision = 0;
    int64_t revision = 0;
    // By delivery, those that its record has, the oldest first.
    absl::flat_hash_map<std::string, std::vector<Move>> moves;

    api::Distribution In(api::View view) const;
  };
  struct Deletion {
    // The last state, without the spec, and that state's revision: for watchers
    // that have not been sent it yet.
    api::Distribution last;
    int64_t last_revision = 0;
    int64_t create_revision = 0;
  };
  using Batch = server::ChangeBatch<api::DistributionChange>;

  absl::Status CheckReady() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  bool RemoveLocked(const std::string& name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NextOfSnapshot(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Returns whether it reached the end of the log.
  bool NextOfLog(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  absl::btree_map<int64_t, Row> rows_ ABSL_GUARDED_BY(mutex_);  // By number.
  absl::flat_hash_map<std::string, int64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  server::ChangeLog<LogKey, Deletion> log_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_TABLE_H_
