// A connection to whichever of a host's addresses answers first (RFC 8305).
#ifndef TCPTOOL_DATAPLANE_DIALING_HAPPY_EYEBALLS_H_
#define TCPTOOL_DATAPLANE_DIALING_HAPPY_EYEBALLS_H_

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::dataplane {

// How long after an attempt the next address is tried in parallel (RFC 8305,
// section 8).
inline constexpr std::chrono::milliseconds kConnectionAttemptDelay{250};

// The order in which a host's addresses are tried: that given, but families
// take turns, so that a broken one costs one delay only (RFC 8305, section 4).
std::vector<asio::ip::tcp::endpoint> InterleaveFamilies(
    const std::vector<asio::ip::tcp::endpoint>& endpoints);

// Tries the endpoints in the order given, each from a delay after the one
// before, or from when one has failed. The first connection is the result, a
// non-blocking socket that resets on close (SO_LINGER 0); the other attempts
// are given up, and no bytes are sent on any.
//
// Errors: ResourceExhausted, not even one socket could be had; Unavailable,
// nobody answered. The message says what the system says of each endpoint.
//
// Lives on the thread that runs `io`, and keeps itself alive until it is done.
class ConnectionRace : public std::enable_shared_from_this<ConnectionRace> {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<UniqueFd>)>;

  // Gives up at `deadline`; time_point::max(): when each endpoint has failed
  // by itself.
  ConnectionRace(asio::io_context& io,
                 std::vector<asio::ip::tcp::endpoint> endpoints,
                 std::chrono::steady_clock::time_point deadline, Done done);

  // May call `done` before it returns.
  void Start();
  // `done` is not called any more.
  void Cancel();

 private:
  struct Attempt {
    asio::ip::tcp::endpoint endpoint;
    asio::ip::tcp::socket socket;
  };
  using Attempts = std::list<Attempt>;

  void StartNext();
  // False: it has failed already.
  bool Begin(const asio::ip::tcp::endpoint& endpoint);
  void OnConnected(Attempts::iterator attempt, int error);
  void OnDeadline();
  void Failed(const asio::ip::tcp::endpoint& endpoint, int error);
  void Finish(absl::StatusOr<UniqueFd> result);
  absl::Status Failure() const;

  asio::io_context& io_;
  const std::vector<asio::ip::tcp::endpoint> endpoints_;
  const std::chrono::steady_clock::time_point deadline_;
  Done done_;  // Null: it is over.
  asio::steady_timer next_timer_;
  asio::steady_timer deadline_timer_;
  size_t next_ = 0;  // Of endpoints_.
  Attempts pending_;
  bool has_socket_ = false;
  size_t failed_ = 0;
  std::string reasons_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_DIALING_HAPPY_EYEBALLS_H_
