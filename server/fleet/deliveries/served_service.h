// What serving recipients that are no nodes needs of the daemon.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_SERVICE_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_SERVICE_H_

#include <asio/io_context.hpp>
#include <memory>

#include "server/sessions/session_manager.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::fleet {

// The references outlive what is asked of them.
struct ServedService {
  // What is answered later is posted to it.
  std::weak_ptr<asio::io_context> io;
  server::SessionManager& sessions;
  const server::SessionTable& table;
  const server::ReceptionTable& receptions;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_SERVICE_H_
