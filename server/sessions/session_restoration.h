// Restores the sessions of the service's previous run.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_RESTORATION_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_RESTORATION_H_

#include <future>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/api/spec.h"
#include "server/sessions/data_ports.h"
#include "server/sessions/held_sessions.h"
#include "server/sessions/live_sessions.h"
#include "server/sessions/session_source.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"

namespace tcptool::server {

// Used in one task on the thread of `live`.
class SessionRestoration {
 public:
  // The references outlive it.
  SessionRestoration(const SpecRules& rules, const SourceProvider& sources,
                     SessionTable& table, Store& store, DataPorts& ports,
                     LiveSessions& live, HeldSessions& held)
      : rules_(rules),
        sources_(sources),
        table_(table),
        store_(store),
        ports_(ports),
        live_(live),
        held_(held) {}

  // Of each session, in their order: one that can listen again does. Otherwise
  // it ends if it was not finished, and is shown as it was if it was. May block
  // on disks; those that do not answer are waited for at the same time.
  void Restore(std::vector<StoredSession> sessions);

 private:
  using Opened = std::future<absl::StatusOr<SessionSource>>;

  // Asks for the sources of the first sessions of each root: as many as its
  // file system has threads. If it does not answer these, others of that root
  // are answered at once.
  void OpenFirst(const std::vector<StoredSession>& sessions);
  Opened Open(const StoredSession& stored) const;
  void Restore(StoredSession stored);
  absl::Status ListenAgain(StoredSession& stored);

  const SpecRules& rules_;
  const SourceProvider& sources_;
  SessionTable& table_;
  Store& store_;
  DataPorts& ports_;
  LiveSessions& live_;
  HeldSessions& held_;
  std::map<std::string, Opened> opened_;  // By the session's name.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_RESTORATION_H_
