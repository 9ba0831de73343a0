// The ports that sessions listen on.
#ifndef TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_
#define TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/engine/engine.h"

namespace tcptool::server {

// Not for several threads.
class DataPorts {
 public:
  // A session that asks for no port gets one of `first` to `last`. `engine`
  // outlives it.
  DataPorts(dataplane::Engine& engine, uint16_t first, uint16_t last);

  // Has the engine make a session, on the lowest port that is free if
  // `options.port` is 0. The errors are those of CreateSession.
  absl::StatusOr<std::shared_ptr<dataplane::Session>> Listen(
      dataplane::SessionOptions options,
      std::shared_ptr<dataplane::Source> source,
      std::shared_ptr<dataplane::SessionObserver> observer);
  // The session on it has ended.
  void Release(uint16_t port);

  // Those that sessions listen on, or send from, ascending.
  std::vector<uint16_t> in_use() const;

 private:
  // ALREADY_EXISTS: somebody has the port.
  absl::StatusOr<std::shared_ptr<dataplane::Session>> ListenOn(
      const dataplane::SessionOptions& options,
      const std::shared_ptr<dataplane::Source>& source,
      const std::shared_ptr<dataplane::SessionObserver>& observer);

  dataplane::Engine& engine_;
  const uint16_t first_;
  const uint16_t last_;
  std::set<uint16_t> free_;  // Of ours.
  // How many sessions have it, each on another address.
  std::map<uint16_t, size_t> used_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_
