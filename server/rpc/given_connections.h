// The connections that ControlListener has handed over.
#ifndef TCPTOOL_SERVER_RPC_GIVEN_CONNECTIONS_H_
#define TCPTOOL_SERVER_RPC_GIVEN_CONNECTIONS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/base/clock.h"
#include "server/base/event_limit.h"
#include "server/front/places.h"

namespace tcptool::server {

// Bounds their number (Places), and ends those on a Unix socket whose client
// takes nothing of what it is sent: a stopped process would otherwise keep what
// its calls hold, such as a place among the watchers. gRPC's pings do not find
// that out, as they are behind what was sent before; on TCP, TCP_USER_TIMEOUT
// does.
//
// gRPC does not say when it closes a connection: that is still open as long as
// the descriptor is that of a socket with the same inode number. Not
// thread-safe.
class GivenConnections {
 public:
  using Clock = dataplane::Clock;

  // For a client to take something of what is there for it: a piece
  // (SetUnixSendBuffer), of 16 KiB at most.
  static constexpr auto kTakesNothing = std::chrono::seconds(30);

  explicit GivenConnections(size_t max_connections)
      : places_(max_connections) {}

  // A place for the connection `fd`, which is about to be handed over. False:
  // there is none.
  bool Add(int fd, const std::string& host);
  // Ends what has waited too long. About once a second.
  void Tick(Clock::time_point now);

  size_t count() const { return places_.taken(); }
  size_t CountFrom(const std::string& host) const {
    return places_.TakenBy(host);
  }

 private:
  struct Given {
    int fd;
    uint64_t inode;
    Places::Id place;
    bool is_local;  // On a Unix socket.
    // What the kernel held for the client at the last Tick().
    int unread = 0;
    bool has_small_buffer = false;  // See SetUnixSendBuffer().
    // There has been something for it since, and it has taken none of it.
    Clock::time_point takes_nothing_since = Clock::now();
  };

  static bool IsThere(const Given& given);
  // Gives the places of those that are gone back.
  void LeaveThoseThatAreGone();
  void EndIfItTakesNothing(Given& given, Clock::time_point now);

  Places places_;
  std::vector<Given> given_;
  EventLimit refusals_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_GIVEN_CONNECTIONS_H_
