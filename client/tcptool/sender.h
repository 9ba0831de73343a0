// tcptool as a sender.
#ifndef TCPTOOL_CLIENT_TCPTOOL_SENDER_H_
#define TCPTOOL_CLIENT_TCPTOOL_SENDER_H_

#include "client/tcptool/diagnostics.h"
#include "client/tcptool/options.h"

namespace tcptool::client {

// Sends, and returns the exit status: 0 only if every recipient has been proven
// to have every byte. SIGINT and SIGTERM reset all connections.
int Send(const SenderOptions& options, Diagnostics& diagnostics);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_SENDER_H_
