// The options of the control API.
#ifndef TCPTOOL_SERVER_RPC_CONTROL_OPTIONS_H_
#define TCPTOOL_SERVER_RPC_CONTROL_OPTIONS_H_

#include <chrono>
#include <cstddef>
#include <string>

namespace tcptool::server {

// Where the control API listens, and limits for its clients.
struct ControlOptions {
  std::string address = "127.0.0.1:9875";    // Or "unix:PATH".
  std::string option = "--control-address";  // That chooses it, for errors.
  bool insecure = false;  // Beyond this machine, in clear text, for everybody.
  int max_message_bytes = 4 << 20;
  // As many as the descriptors allow that they may have, if that is less: one
  // `reserve_parts`th of those that the data plane leaves.
  size_t max_connections = 2000;
  size_t reserve_parts = 2;  // Of two servers, each is to have four at least.
  int max_concurrent_streams = 1024;  // Of one connection.
  // For how long a client may send no message while the service waits for one,
  // for example in an upload; or have no call on its connection.
  std::chrono::seconds client_idle_limit{300};
  size_t max_watchers = 1000;
  size_t max_sessions = 10'000;        // Held, the finished ones included.
  size_t max_receptions = 10'000;      // The same.
  size_t max_running_receptions = 64;  // Not finished.
  // Limit of the memory of all uploads together.
  size_t max_upload_bytes = size_t{1} << 30;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_OPTIONS_H_
