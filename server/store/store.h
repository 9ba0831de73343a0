// What outlives the process: sessions, what became of their recipients,
// receptions, and the ids of requests, in SQLite.
#ifndef TCPTOOL_SERVER_STORE_STORE_H_
#define TCPTOOL_SERVER_STORE_STORE_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "server/store/sqlite.h"
#include "server/store/store_worker.h"
#include "server/store/stored.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Any thread may call any method; none of them blocks, unless it says so.
//
// SQLite in WAL mode with synchronous=FULL: durable data survives a loss of
// power. Of an object that changes twice before it is written, only the newest
// state is written. Changes that cannot be written are kept, and tried again
// every second; so are they while the disk does not answer. See StoreWorker.
class Store {
 public:
  // Called for each transaction ("write") and for the initial read ("load");
  // must not call a method of the store's.
  using Observe = StoreWorker::Observe;
  // Called on a thread of the store's; must not wait.
  using Done = StoreWorker::Done;

  // How long a transaction may take before those who wait for it are answered
  // with UNAVAILABLE, and the end of the store waits no longer.
  static constexpr std::chrono::seconds kPatience{10};

  using Contents = StoredContents;

  // Opens the database, makes it if there is none, and brings an older one up
  // to date; `path` may be ":memory:". Waits for the disk. The errors name the
  // path: FAILED_PRECONDITION another process uses it, it belongs to another
  // program or a newer version; DATA_LOSS it is damaged. Nothing is overwritten
  // then.
  static absl::StatusOr<std::unique_ptr<Store>> Open(
      const std::string& path, Observe observe,
      std::chrono::nanoseconds patience = kPatience);
  // Blocks until pending changes are written, or have failed once more; for
  // kPatience at most.
  ~Store() = default;

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
  // As PutSession(); `extra` is written with the spec, its mark whenever there
  // is one.
  void PutReception(const v1::Reception& reception,
                    const ReceptionExtra& extra);
  void DeleteReception(const std::string& name);
  void PutRequest(StoredRequest request);
  void DeleteRequest(RequestKind kind, const std::string& id);
  // Stores the last use of a port, in the place of an earlier one.
  void PutPortUse(const StoredPortUse& use);

  // Calls `done` when all changes made before are durable, or with the error
  // that prevents it. UNAVAILABLE: for instance, the disk does not answer.
  void WhenDurable(Done done) { worker_.WhenDurable(std::move(done)); }
  // Blocks until then. Not on a thread of the store's.
  absl::Status WaitUntilDurable();

  // Whether the state outlives the process.
  bool persistent() const;
  // The result of the last transaction; UNAVAILABLE while the disk does not
  // answer.
  absl::Status health() const { return worker_.health(); }

 private:
  Store(const std::string& path, dataplane::UniqueFd lock,
        SqliteDatabase database, Observe observe,
        std::chrono::nanoseconds patience);

  absl::Status ReserveRevisions(Contents& contents);

  const std::string path_;
  const Observe observe_;
  StoreWorker worker_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_H_
