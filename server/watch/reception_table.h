// The current state of the receptions, and the order in which it changed.
#ifndef TCPTOOL_SERVER_WATCH_RECEPTION_TABLE_H_
#define TCPTOOL_SERVER_WATCH_RECEPTION_TABLE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/watch/change_batch.h"
#include "server/watch/change_log.h"
#include "server/watch/session_filter.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::server {

// What SessionTable is for sessions; its comment says how watchers are served.
// Any thread may call any method.
class ReceptionTable {
 public:
  using Filter = WatchFilter<v1::ReceptionFilter>;

  // The position of a watcher.
  struct Cursor {
    bool in_snapshot = true;
    // In the snapshot: the number of the next reception.
    uint64_t snapshot_reception = 1;
    // Everything up to this was sent, or will be by the snapshot.
    int64_t revision = 0;
    // The newest revision when the snapshot ended; 0: it goes on, or there was
    // none. What was created up to then was in the snapshot, if it was there.
    int64_t snapshot_end = 0;
    // Everything up to this was sent, whatever has moved on in the log since.
    int64_t complete = 0;
  };

  // As of SessionTable.
  explicit ReceptionTable(int64_t revision = absl::ToUnixMicros(absl::Now()));

  // The place of the next reception in the order of creation, from 1, which
  // page tokens refer to.
  uint64_t TakeNumber();

  // Adds a reception, whose name is not in the table. `number`: of
  // TakeNumber(), or as it was stored.
  void Insert(v1::Reception reception, uint64_t number);
  // Updates a reception, whose spec is ignored as it never changes. Returns
  // whether watchers have something to be sent: not for mere progress. No
  // effect if the reception is not in the table.
  bool Update(v1::Reception reception);
  // Puts the progress since the last call into the log. False: there was none.
  bool PublishProgress();
  // Removes the reception; watchers are sent its deletion.
  void Remove(const std::string& name);

  // NOT_FOUND names the reception.
  absl::StatusOr<v1::Reception> Get(const std::string& name,
                                    v1::View view = v1::VIEW_FULL) const;
  bool contains(const std::string& name) const;
  absl::StatusOr<v1::ListReceptionsResponse> List(
      const v1::ListReceptionsRequest& request) const;

  struct Totals {
    // By state.
    std::array<int64_t, v1::ReceptionState_ARRAYSIZE> receptions{};
    // Bytes of content that have come since the table was made, and of these
    // those from other nodes.
    uint64_t bytes_received = 0;
    uint64_t bytes_from_nodes = 0;
  };
  Totals Count() const;

  // As of SessionTable.
  absl::StatusOr<Cursor> Begin(int64_t resume_revision) const;
  absl::StatusOr<bool> Next(const Filter& filter, Cursor& cursor, size_t limit,
                            v1::WatchReceptionsResponse& response) const;

 private:
  struct Row {
    v1::Reception status;  // Without the spec.
    v1::ReceptionSpec spec;
    int64_t create_revision = 0;
    int64_t revision = 0;
    bool progressed = false;  // Since the entry in the log.

    v1::Reception In(v1::View view) const;
  };
  struct Deletion {
    // The final state, without the spec, and that state's revision: for
    // watchers that have not been sent it yet.
    v1::Reception last;
    int64_t last_revision = 0;
    int64_t create_revision = 0;
  };
  using Batch = ChangeBatch<v1::ReceptionChange>;

  const Row* Find(const std::string& name) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  void NextOfSnapshot(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Returns whether it reached the end of the log.
  bool NextOfLog(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  // By number, in the order of creation.
  absl::btree_map<uint64_t, Row> receptions_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_received_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_from_nodes_ ABSL_GUARDED_BY(mutex_) = 0;
  ChangeLog<uint64_t, Deletion> log_ ABSL_GUARDED_BY(mutex_);
  // Numbers of those with progress that is not in the log yet, and perhaps some
  // that were logged since, or removed.
  std::vector<uint64_t> progressed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_RECEPTION_TABLE_H_
