// Creates sessions.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_CREATION_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_CREATION_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/session/session_options.h"
#include "server/api/spec.h"
#include "server/sessions/creation_gate.h"
#include "server/sessions/data_ports.h"
#include "server/sessions/held_sessions.h"
#include "server/sessions/live_sessions.h"
#include "server/sessions/request_ids.h"
#include "server/sessions/session_source.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// A request goes through these steps:
//
//   any thread        its spec is checked
//   control thread    a request id that has created a session is answered
//   other threads     the source is opened, which may block; has a deadline
//   control thread    the request id is checked again; then the session
//                     listens, is shown, and goes to the store
//   control thread    once it is durable, the answer; if it cannot be
//                     written, the session is rolled back
//
// The control thread is that of `executor`, where callbacks are called. Methods
// are for this thread, unless they say otherwise.
class SessionCreation {
 public:
  using Done = CreationGate<SessionTable, v1::Session>::Done;

  // The references outlive it.
  SessionCreation(asio::any_io_executor executor, SpecRules rules,
                  const SourceProvider& sources, SessionTable& table,
                  WatchHub& hub, Store& store, DataPorts& ports,
                  LiveSessions& live, HeldSessions& held,
                  RequestIds& request_ids);

  // As SessionService.CreateSession. `creator`: Session.creator. Any thread.
  void Create(v1::CreateSessionRequest request, std::string creator, Done done);
  // As SessionService.RetrySession. The same.
  void Retry(const v1::RetrySessionRequest& request, std::string creator,
             Done done);
  // INVALID_ARGUMENT: a field of the spec is wrong. Any thread.
  absl::Status CheckSpec(const v1::CreateSessionRequest& request) const;

  // From now on, requests are refused with UNAVAILABLE. Any thread.
  void StopAccepting() { gate_.Close(); }
  bool accepting() const { return gate_.is_open(); }  // Any thread.
 private:
  // A request on its way.
  struct Creation {
    v1::CreateSessionRequest request;  // With the spec's defaults.
    std::string fingerprint;           // Of the request as it came.
    std::string retry_of;              // Session.retry_of.
    std::string creator;               // Session.creator.
    dataplane::SessionOptions options;
    Done done;
  };

  void Open(const std::shared_ptr<Creation>& creation);
  // Answers a request that is to create no session: the service stops, or its
  // id has created one before. False: continue.
  bool AnswerWithoutCreating(const Creation& creation);
  // What CreateSession answers with validate_only.
  absl::StatusOr<v1::Session> Validate(Creation& creation,
                                       const SessionSource& source) const;
  void CreateOpened(Creation& creation, SessionSource source);
  void RollBack(const std::string& name, const std::string& request_id,
                std::function<void()> then);
  absl::StatusOr<std::string> ChooseName(const std::string& id);

  const asio::any_io_executor executor_;
  const SpecRules rules_;
  const SourceProvider& sources_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;
  DataPorts& ports_;
  LiveSessions& live_;
  HeldSessions& held_;
  absl::BitGen random_;
  RequestIds& request_ids_;
  CreationGate<SessionTable, v1::Session> gate_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_CREATION_H_
