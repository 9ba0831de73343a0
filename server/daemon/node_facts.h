// What a client can learn about this node.
#ifndef TCPTOOL_SERVER_DAEMON_NODE_FACTS_H_
#define TCPTOOL_SERVER_DAEMON_NODE_FACTS_H_

#include "dataplane/engine/engine.h"
#include "server/daemon/options.h"
#include "server/receptions/reception_manager.h"
#include "server/sessions/session_manager.h"
#include "tcptool/v1/node_service.pb.h"

namespace tcptool::server {

// What does not change while the service runs, which starts now.
v1::Node NodeFacts(const Options& options, const dataplane::Engine& engine,
                   const SessionManager::Options& sessions,
                   const ReceptionManager::Options& receptions);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_NODE_FACTS_H_
