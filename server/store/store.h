// What outlives the process: sessions, what became of their recipients,
// receptions, and the ids of requests, in SQLite.
#ifndef TCPTOOL_SERVER_STORE_STORE_H_
#define TCPTOOL_SERVER_STORE_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "server/base/steady_cond_var.h"
#include "server/store/sqlite.h"
#include "server/store/store_changes.h"
#include "server/store/stored.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Any thread may call any method; none of them blocks, unless it says so.
//
// The store's thread writes all changes since its last transaction in one
// transaction: SQLite in WAL mode with synchronous=FULL, so that durable data
// survives a loss of power. Of an object that changes twice before it is
// written, only the newest state is written. Changes that cannot be written are
// kept, and tried again every second.
class Store {
 public:
  // Called for each transaction ("write") and for the initial read ("load").
  using Observe =
      std::function<void(const char* operation, absl::Duration, bool ok)>;
  // Called on the store's thread; must not wait.
  using Done = std::function<void(absl::Status)>;

  using Contents = StoredContents;

  // Opens the database, makes it if there is none, and brings an older one up
  // to date; `path` may be ":memory:". Waits for the disk. The errors name the
  // path: FAILED_PRECONDITION another process uses it, it belongs to another
  // program or a newer version; DATA_LOSS it is damaged. Nothing is overwritten
  // then.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path,
                                                     Observe observe);
  // Blocks until pending changes are written, or have failed once more.
  ~Store();

  // Call it once, before any change. Blocks on the disk. DATA_LOSS: damaged.
  absl::StatusOr<Contents> Load();

  // Stores a session's newest state. The first call for a session has its spec
  // in `session` and its number in `extra`; later ones may leave them out.
  void PutSession(const v1::Session& session, const SessionExtra& extra);
  // Stores a recipient of a session that was stored before.
  void PutRecipient(const v1::Recipient& recipient);
  void DeleteRecipient(const std::string& session_name, uint64_t number);
  // Deletes the recipients with higher numbers.
  void DeleteRecipientsAbove(const std::string& session_name, uint64_t number);
  // Deletes a session and its recipients.
  void DeleteSession(const std::string& name);
  // As PutSession(); `extra` is written with the spec.
  void PutReception(const v1::Reception& reception,
                    const ReceptionExtra& extra);
  void DeleteReception(const std::string& name);
  void PutRequest(StoredRequest request);
  void DeleteRequest(RequestKind kind, const std::string& id);
  // Stores the last use of a port, in the place of an earlier one.
  void PutPortUse(const StoredPortUse& use);

  // Calls `done` when all changes made before are durable, or with the error
  // that prevents it.
  void WhenDurable(Done done);
  // Blocks until then. Not on the store's thread.
  absl::Status WaitUntilDurable();

  // Whether the state outlives the process.
  bool persistent() const { return persistent_; }
  // The result of the last transaction.
  absl::Status health() const;

 private:
  Store(std::string path, dataplane::UniqueFd lock, SqliteDatabase database,
        Observe observe);

  absl::Status ReserveRevisions(Contents& contents);
  void Run();
  absl::Status Write(const StoreChanges& changes);
  void Report(const absl::Status& status);

  const std::string path_;
  const bool persistent_;
  const dataplane::UniqueFd lock_;
  SqliteDatabase database_;  // On the store's thread, once that runs.
  const Observe observe_;

  mutable absl::Mutex mutex_;
  StoreChanges changes_ ABSL_GUARDED_BY(mutex_);
  std::vector<Done> done_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyCondVar asked_;  // `done_` or `closing_` has changed.
  absl::Status health_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_H_
