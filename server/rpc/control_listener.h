// Accepts the control port's connections, in gRPC's place.
#ifndef TCPTOOL_SERVER_RPC_CONTROL_LISTENER_H_
#define TCPTOOL_SERVER_RPC_CONTROL_LISTENER_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "server/rpc/given_connections.h"

namespace tcptool::server {

// gRPC 1.51 stops accepting for good after one EMFILE, and has no bound on its
// connections. This may have (GivenConnections): what comes beyond is reset.
// When there are no descriptors, connections wait in the kernel's queue until
// there are.
class ControlListener {
 public:
  using OnConnection = std::function<void(dataplane::UniqueFd)>;

  // Listens on "HOST:PORT", on each address that the host has (0.0.0.0 and [::]
  // are both all addresses of both families, where there are both), or
  // "unix:PATH", which its owner and group may reach. `max_connections`:
  // nullopt if who takes them has a bound. UNAVAILABLE: the system says why it
  // cannot.
  static absl::StatusOr<std::unique_ptr<ControlListener>> Listen(
      const std::string& address, std::optional<size_t> max_connections);
  // Ends as Close() does, and removes a Unix socket.
  ~ControlListener();

  // With the actual port.
  const std::string& address() const { return address_; }

  // Calls `on_connection`, on a thread of the listener's, with each connection.
  // Once.
  void Open(OnConnection on_connection);
  // When this returns, no connection is accepted any more.
  void Close();

 private:
  ControlListener() = default;

  absl::Status ListenOnHost(const std::string& address);
  absl::Status ListenOnPath(const std::string& path);
  void Run();
  // False: no connection waits, or there is no descriptor for one.
  bool Accept(int listener);
  void Tick();
  void TellStarved(int error);
  void TellFull(const std::string& host);

  // nullopt if who takes the connections has a bound.
  std::optional<GivenConnections> given_;
  std::string address_;
  std::string path_;   // Of a Unix socket.
  uint64_t disk_ = 0;  // Where that is.
  std::vector<dataplane::UniqueFd> listeners_;
  dataplane::UniqueFd stop_;  // An eventfd: Run() is to end.
  OnConnection on_connection_;
  std::chrono::steady_clock::time_point ticked_;
  std::chrono::steady_clock::time_point told_full_;
  std::chrono::steady_clock::time_point told_starved_;
  bool starved_ = false;  // The last accept(2) had no descriptor.
  std::thread thread_;    // Runs Run().
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_LISTENER_H_
