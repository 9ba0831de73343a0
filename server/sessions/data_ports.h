// The ports that sessions listen on.
#ifndef TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_
#define TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/engine/engine.h"

namespace tcptool::server {

// The wire protocol has no name of the content: a recipient that comes too late
// to one session's port would take the next session's content there for what it
// came for. So the port that was used least recently is taken next, and one
// that was given back is used again only after all others that are free.
//
// One thread at a time.
class DataPorts {
 public:
  // A session that asks for no port gets one of `first` to `last`. `engine`
  // outlives it.
  DataPorts(dataplane::Engine& engine, uint16_t first, uint16_t last);

  // A session used the port before the service was started. Call it in the
  // order of use: the last call is for the port used last.
  void RememberUse(uint16_t port);

  // Creates a session in the engine, on the free port that was used least
  // recently if `options.port` is 0. Errors are those of CreateSession.
  absl::StatusOr<std::shared_ptr<dataplane::Session>> Listen(
      dataplane::SessionOptions options,
      std::shared_ptr<dataplane::Source> source,
      std::shared_ptr<dataplane::SessionObserver> observer);
  // Whether Listen() would find a port now; errors are its.
  absl::Status Check(const dataplane::SessionOptions& options) const;
  // The session on the port has ended.
  void Release(uint16_t port);

  // The ports that sessions listen on or send from, ascending.
  std::vector<uint16_t> in_use() const;

 private:
  // ALREADY_EXISTS: the port is in use.
  absl::StatusOr<std::shared_ptr<dataplane::Session>> ListenOn(
      const dataplane::SessionOptions& options,
      const std::shared_ptr<dataplane::Source>& source,
      const std::shared_ptr<dataplane::SessionObserver>& observer);
  absl::Status NoneIsFree() const;
  bool IsOurs(uint16_t port) const { return port >= first_ && port <= last_; }
  uint64_t& LastUse(uint16_t port) { return last_use_[port - first_]; }

  dataplane::Engine& engine_;
  const uint16_t first_;
  const uint16_t last_;
  // For each port of the range, the number of its last use: uses are numbered
  // from 1; 0: never used.
  std::vector<uint64_t> last_use_;
  uint64_t uses_ = 0;
  // Ports of the range that no session uses: last use and port.
  std::set<std::pair<uint64_t, uint16_t>> free_;
  // The number of sessions on a port, each on another address.
  std::map<uint16_t, size_t> used_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DATA_PORTS_H_
