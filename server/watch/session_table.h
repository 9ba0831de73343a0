// The current state of the sessions and their recipients, and the order in
// which it changed.
#ifndef TCPTOOL_SERVER_WATCH_SESSION_TABLE_H_
#define TCPTOOL_SERVER_WATCH_SESSION_TABLE_H_

#include <array>
#include <cstdint>
#include <map>
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
#include "absl/types/span.h"
#include "server/watch/change_batch.h"
#include "server/watch/change_log.h"
#include "server/watch/session_filter.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Any thread may call any method.
//
// Changes are kept in a ChangeLog: a watcher takes what comes after its
// revision whenever it is ready, and gets the newest state, with the changes in
// between merged. Progress enters the log when PublishProgress() is called; all
// other changes at once.
class SessionTable {
 public:
  using Filter = SessionFilter;

  // The position of a watcher.
  struct Cursor {
    bool in_snapshot = true;
    // In the snapshot: the number of the session that it has reached, and of
    // the last of its recipients that was sent.
    uint64_t snapshot_session = 1;
    uint64_t snapshot_recipient = 0;
    // Everything up to this was sent, or will be by the snapshot.
    int64_t revision = 0;
    // The newest revision when the snapshot ended; 0: it goes on, or there was
    // none. What was created up to then was in the snapshot, if it was there.
    int64_t snapshot_end = 0;
    // Everything up to this was sent, whatever has moved on in the log since:
    // the specs that are older too.
    int64_t complete = 0;
  };

  // `revision`: revisions begin above it; must be higher than those of earlier
  // runs. Without a store it is taken from the clock.
  explicit SessionTable(int64_t revision = absl::ToUnixMicros(absl::Now()));

  // Adds a session, whose name is not in the table.
  //
  // `number` is its place among the sessions in the order of creation, from 1,
  // which page tokens refer to. It must be higher than that of every session
  // created before; 0 chooses the next one. Returns it.
  uint64_t Insert(v1::Session session, uint64_t number = 0);
  // Updates a session, its spec too if that is set, and those of its recipients
  // that have changed. `forgotten`: the numbers of recipients whose records
  // were dropped. Returns whether watchers have something to be sent. No effect
  // if the session is not in the table.
  bool Update(v1::Session session, absl::Span<const v1::Recipient> changed,
              absl::Span<const uint64_t> forgotten);
  // Puts the progress since the last call into the log. False: there was none.
  bool PublishProgress();
  // The number of the session's recipients with numbers above `number`; and
  // their removal, of which watchers are not told.
  size_t CountRecipientsAbove(const std::string& name, uint64_t number) const;
  void ForgetRecipientsAbove(const std::string& name, uint64_t number);
  // Removes the session and its recipients; watchers are sent its deletion.
  void Remove(const std::string& name);

  // NOT_FOUND names the session or recipient.
  absl::StatusOr<v1::Session> Get(const std::string& name,
                                  v1::View view = v1::VIEW_FULL) const;
  // Whether the session is finished; costs less than to Get() it.
  absl::StatusOr<bool> HasEnded(const std::string& name) const;
  absl::StatusOr<v1::Recipient> GetRecipient(const std::string& name) const;
  absl::StatusOr<v1::ListSessionsResponse> List(
      const v1::ListSessionsRequest& request) const;
  absl::StatusOr<v1::ListRecipientsResponse> ListRecipients(
      const v1::ListRecipientsRequest& request) const;

  // How many there are, over all sessions.
  struct Totals {
    std::array<int64_t, v1::SessionState_ARRAYSIZE> sessions{};  // By state.
    v1::RecipientCounts recipients;
  };
  Totals Count() const;

  // Where a watch begins: at the snapshot, or after `resume_revision` if that
  // is not 0. OUT_OF_RANGE: the log does not reach back so far.
  absl::StatusOr<Cursor> Begin(int64_t resume_revision) const;

  // Adds the next changes to `response`, about `limit` at most, fewer if they
  // are large, and moves the cursor, whose revision the response gets. Returns
  // whether there may be more now. OUT_OF_RANGE: the log has dropped deletions
  // after the cursor.
  absl::StatusOr<bool> Next(const Filter& filter, Cursor& cursor, size_t limit,
                            v1::WatchSessionsResponse& response) const;

 private:
  struct RecipientRow {
    v1::Recipient recipient;
    int64_t revision = 0;
    // Of its last change: it is in the log again when the session's labels
    // change, for watchers that have not known the session by others.
    int64_t change_revision = 0;
    bool progressed = false;  // Since the entry in the log.
  };
  struct SessionRow {
    v1::Session status;  // Without the spec.
    v1::SessionSpec spec;
    int64_t create_revision = 0;
    int64_t spec_revision = 0;    // Of the last change of the spec.
    int64_t labels_revision = 0;  // Of the last change of its labels.
    // What they were before, and since when: for watchers that have seen those.
    v1::SessionSpec former_labels;
    int64_t former_labels_revision = 0;
    int64_t revision = 0;
    bool progressed = false;
    std::map<uint64_t, RecipientRow> recipients;

    v1::Session In(v1::View view) const;
    // A change of the spec, which is at `revision`. Returns whether labels have
    // changed.
    bool ChangeSpec(v1::SessionSpec changed);
    // Whether it may have had all of these labels at the revision `after`, or
    // since, and has them no more.
    bool HasLost(const std::map<std::string, std::string>& labels,
                 int64_t after) const;
    // Whether it has all of these labels, and may have lacked one at the
    // revision `after`, or since.
    bool HasGained(const std::map<std::string, std::string>& labels,
                   int64_t after) const;
  };
  // What an entry of the log refers to. `recipient` 0: the session itself.
  struct Key {
    uint64_t session = 0;
    uint64_t recipient = 0;
  };
  struct Deletion {
    // The session's final state, without its spec, and that state's revision:
    // for watchers that have not been sent it yet.
    v1::Session last;
    int64_t last_revision = 0;
    int64_t create_revision = 0;
  };
  using Batch = ChangeBatch<v1::Change>;  // What Next() fills.

  const SessionRow* Find(const std::string& name) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Puts a row into the log, now or at the next PublishProgress().
  template <typename Row>
  void LogNow(Row& row, Key key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Puts a recipient that has not changed there, behind its session.
  void LogAgain(RecipientRow& row, Key key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  template <typename Row>
  void LogLater(Row& row, Key key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NextOfSnapshot(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Returns whether it reached the end of the log.
  bool NextOfLog(const Filter& filter, Cursor& cursor, Batch& batch) const
      ABSL_SHARED_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  // Sessions by number, in the order of creation.
  absl::btree_map<uint64_t, SessionRow> sessions_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, uint64_t> numbers_ ABSL_GUARDED_BY(mutex_);
  uint64_t last_number_ ABSL_GUARDED_BY(mutex_) = 0;
  ChangeLog<Key, Deletion> log_ ABSL_GUARDED_BY(mutex_);
  // Rows with progress that is not in the log yet, and perhaps some that were
  // logged since.
  std::vector<Key> progressed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_SESSION_TABLE_H_
