// What can be done with sessions: the commands of the control API, behind the
// gRPC services.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_MANAGER_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_MANAGER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "dataplane/content/stream_source.h"
#include "dataplane/engine/engine.h"
#include "server/api/spec.h"
#include "server/base/control_thread.h"
#include "server/base/repeating_timer.h"
#include "server/sessions/content_roots.h"
#include "server/sessions/data_ports.h"
#include "server/sessions/held_sessions.h"
#include "server/sessions/live_sessions.h"
#include "server/sessions/received_content.h"
#include "server/sessions/request_ids.h"
#include "server/sessions/session_commands.h"
#include "server/sessions/session_creation.h"
#include "server/sessions/session_source.h"
#include "server/sessions/upload.h"
#include "server/sessions/upload_admission.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Any thread may call any method. Commands run one at a time on the manager's
// control thread, where their callbacks are called too: these must not block.
class SessionManager {
 public:
  struct Options {
    SpecRules rules;
    size_t max_sessions = 10'000;  // Held, the finished ones included.
    // The window of each upload, and the memory of all of them together.
    size_t stream_window_bytes = dataplane::StreamSource::kDefaultWindow;
    size_t max_upload_bytes = size_t{1} << 30;
  };
  using SessionDone = SessionCommands::SessionDone;
  using RecipientDone = SessionCommands::RecipientDone;
  using UploadDone = SessionCommands::UploadDone;
  using Done = SessionCommands::Done;

  // All of them outlive the manager.
  SessionManager(Options options, dataplane::Engine& engine,
                 const ContentRoots& roots, ReceivedContent& received,
                 SessionTable& table, WatchHub& hub, Store& store);
  // Stops, see Stop().
  ~SessionManager();

  // Restores the sessions of the previous run: those that were WAITING listen
  // again, others that were not finished are INTERRUPTED. Call it once, before
  // anything else; blocks on disks.
  void Restore(Store::Contents contents);

  // See the methods of SessionService. Requests must have passed
  // CheckRequest(). What is answered is durable.
  // `creator`: Session.creator.
  void Create(v1::CreateSessionRequest request, std::string creator,
              SessionDone done);
  void Retry(const v1::RetrySessionRequest& request, std::string creator,
             SessionDone done);
  void Start(v1::StartSessionRequest request, SessionDone done);
  void Cancel(v1::CancelSessionRequest request, SessionDone done);
  void Delete(v1::DeleteSessionRequest request, Done done);
  void Update(v1::UpdateSessionRequest request, SessionDone done);
  void Drop(v1::DropRecipientRequest request, RecipientDone done);

  // What Create() and Update() would find wrong with the spec, as far as it
  // shows without the content.
  absl::Status CheckSpec(const v1::CreateSessionRequest& request) const {
    return creation_.CheckSpec(request);
  }
  absl::Status CheckSpec(const v1::UpdateSessionRequest& request) const {
    return commands_.CheckSpec(request);
  }

  // Opens the upload of a session whose source is one; once per session. Errors
  // are those of UploadContent.
  void OpenUpload(std::string name, UploadDone done);
  // The session of an upload that is complete, with its length.
  void GetUploaded(Upload& upload, const SessionDone& done);

  // The session with this name, if it is in the data plane; null otherwise.
  void Find(
      std::string name,
      std::function<void(const std::shared_ptr<dataplane::Session>&)> done);

  // Ports that sessions listen on, or send from, ascending.
  void PortsInUse(std::function<void(std::vector<uint16_t>)> done);

  // From now on new sessions are refused with UNAVAILABLE. Those that are
  // WAITING reset their recipients and are kept for the next start, if the
  // store is; those that run go on.
  void Drain();
  // Waits until no session runs, at most for `timeout`. True: none does.
  bool WaitUntilIdle(absl::Duration timeout) {
    return live_.WaitUntilIdle(timeout);
  }
  // Whether new sessions are taken.
  bool accepting() const { return creation_.accepting(); }
  // Drains, ends the sessions that run, and returns when the table shows it.
  void Stop();

 private:
  void OnEnd(const LiveSessions::Live& live, const v1::Session& session);
  void OnTick();
  void OnProgress();

  const Options options_;
  dataplane::Engine& engine_;
  const SourceProvider sources_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;

  // Everything below is used on its one thread.
  ControlThread control_;
  DataPorts ports_;
  LiveSessions live_;
  RequestIds request_ids_;
  HeldSessions held_;
  UploadAdmission uploads_;
  SessionCommands commands_;
  SessionCreation creation_;
  RepeatingTimer tick_;
  RepeatingTimer progress_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_MANAGER_H_
