// The flags of tcptoold, by the part of the service that they are about.
#ifndef TCPTOOL_SERVER_DAEMON_FLAGS_H_
#define TCPTOOL_SERVER_DAEMON_FLAGS_H_

#include <CLI/App.hpp>

#include "server/daemon/options.h"

namespace tcptool::server {

// Each adds the flags of one group to `app`, whose parsing sets `options`,
// which outlives it. A value that cannot be right is CLI11's ValidationError,
// which names the flag; what depends on other flags is CheckTogether()'s.
void AddControlFlags(CLI::App& app, ControlOptions& options);
void AddSecurityFlags(CLI::App& app, SecurityOptions& options);
void AddDataFlags(CLI::App& app, DataOptions& options);
void AddPeerFlags(CLI::App& app, PeerOptions& options);
void AddFleetFlags(CLI::App& app, fleet::FleetOptions& options);
void AddStateFlags(CLI::App& app, StateOptions& options);
void AddHttpFlags(CLI::App& app, HttpOptions& options);
void AddConnectFlags(CLI::App& app, ConnectOptions& options);
void AddLogFlags(CLI::App& app, LogOptions& options);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_DAEMON_FLAGS_H_
