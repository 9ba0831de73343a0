// The commands on sessions that exist.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/spec.h"
#include "server/sessions/held_sessions.h"
#include "server/sessions/live_sessions.h"
#include "server/sessions/upload.h"
#include "server/sessions/upload_admission.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Used on the one thread of its executor, but for what says otherwise;
// callbacks are called there.
class SessionCommands {
 public:
  using SessionDone = std::function<void(absl::StatusOr<v1::Session>)>;
  using RecipientDone = std::function<void(absl::StatusOr<v1::Recipient>)>;
  using UploadDone =
      std::function<void(absl::StatusOr<std::unique_ptr<Upload>>)>;
  using Done = std::function<void(absl::Status)>;

  // The references outlive it.
  SessionCommands(asio::any_io_executor executor, const SpecRules& rules,
                  SessionTable& table, WatchHub& hub, Store& store,
                  LiveSessions& live, HeldSessions& held,
                  UploadAdmission& uploads)
      : executor_(std::move(executor)),
        rules_(rules),
        table_(table),
        hub_(hub),
        store_(store),
        live_(live),
        held_(held),
        uploads_(uploads) {}

  // As the methods of SessionService.
  void Start(const v1::StartSessionRequest& request, SessionDone done);
  void Cancel(const v1::CancelSessionRequest& request, SessionDone done);
  void Delete(const v1::DeleteSessionRequest& request, Done done);
  void Update(const v1::UpdateSessionRequest& request, SessionDone done);
  void Drop(const v1::DropRecipientRequest& request, RecipientDone done);
  // As SessionManager::OpenUpload().
  void OpenUpload(const std::string& name, UploadDone done);
  // INVALID_ARGUMENT: what Update() would change in the spec is wrong.
  // NOT_FOUND. Any thread.
  absl::Status CheckSpec(const v1::UpdateSessionRequest& request) const;

 private:
  // The session that a command is for. NOT_FOUND; ABORTED: `etag`, if given,
  // does not match; UNAVAILABLE: Drain() has ended it until the next start.
  absl::StatusOr<v1::Session> GetForCommand(const std::string& name,
                                            const std::string& etag) const;
  // A session on its way to another spec.
  struct Change {
    std::string name;
    std::string uid;  // If another has its name since, that stays as it is.
    v1::SessionSpec spec;  // The new one.
    SessionDone done;
  };
  // The data plane has done its part, or there is none for it.
  void SetSpec(const Change& change);
  void SetSpecOfFinished(const Change& change, v1::Session session);
  // Answers once the change is durable.
  void EndChange(const Change& change);
  // FAILED_PRECONDITION: `why` the live session `name` refuses to start.
  absl::Status NotStarted(const std::string& name, const absl::Status& why);

  const asio::any_io_executor executor_;
  const SpecRules& rules_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;
  LiveSessions& live_;
  HeldSessions& held_;
  UploadAdmission& uploads_;
  // Sessions that Update() is changing.
  absl::flat_hash_set<std::string> changing_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_
