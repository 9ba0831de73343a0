// The commands on sessions that exist.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_

#include <asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/sessions/held_sessions.h"
#include "server/sessions/live_sessions.h"
#include "server/sessions/upload.h"
#include "server/sessions/upload_admission.h"
#include "server/watch/session_table.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Used on the one thread of its executor; callbacks are called there.
class SessionCommands {
 public:
  using SessionDone = std::function<void(absl::StatusOr<v1::Session>)>;
  using RecipientDone = std::function<void(absl::StatusOr<v1::Recipient>)>;
  using UploadDone =
      std::function<void(absl::StatusOr<std::unique_ptr<Upload>>)>;
  using Done = std::function<void(absl::Status)>;

  // The references outlive it.
  SessionCommands(asio::any_io_executor executor, SessionTable& table,
                  LiveSessions& live, HeldSessions& held,
                  UploadAdmission& uploads)
      : executor_(std::move(executor)),
        table_(table),
        live_(live),
        held_(held),
        uploads_(uploads) {}

  // As the methods of SessionService.
  void Start(const v1::StartSessionRequest& request, SessionDone done);
  void Cancel(const v1::CancelSessionRequest& request, SessionDone done);
  void Delete(const v1::DeleteSessionRequest& request, Done done);
  void Drop(const v1::DropRecipientRequest& request, RecipientDone done);
  // As SessionManager::OpenUpload().
  void OpenUpload(const std::string& name, UploadDone done);

 private:
  // The session that a command is for. NOT_FOUND; ABORTED: `etag`, if given,
  // does not match; UNAVAILABLE: Drain() has ended it until the next start.
  absl::StatusOr<v1::Session> GetForCommand(const std::string& name,
                                            const std::string& etag) const;
  // FAILED_PRECONDITION: `why` the live session `name` refuses to start.
  absl::Status NotStarted(const std::string& name, const absl::Status& why);

  const asio::any_io_executor executor_;
  SessionTable& table_;
  LiveSessions& live_;
  HeldSessions& held_;
  UploadAdmission& uploads_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_COMMANDS_H_
