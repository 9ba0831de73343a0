#include "dataplane/dialing/happy_eyeballs.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

// A connection attempt to a port of this host that nobody listens on can meet
// itself, if the kernel picks that port for its own end (RFC 9293, 3.5,
// simultaneous open).
bool IsConnectedToItself(int socket) {
  sockaddr_storage ours = {};
  sockaddr_storage theirs = {};
  socklen_t our_size = sizeof ours;
  socklen_t their_size = sizeof theirs;
  return getsockname(socket, reinterpret_cast<sockaddr*>(&ours), &our_size) ==
             0 &&
         getpeername(socket, reinterpret_cast<sockaddr*>(&theirs),
                     &their_size) == 0 &&
         our_size == their_size && std::memcmp(&ours, &theirs, our_size) == 0;
}

}  // namespace

std::vector<tcp::endpoint> InterleaveFamilies(
    const std::vector<tcp::endpoint>& endpoints) {
  std::vector<tcp::endpoint> of_first_family;
  std::vector<tcp::endpoint> others;
  for (const tcp::endpoint& endpoint : endpoints) {
    (endpoint.protocol() == endpoints.front().protocol() ? of_first_family
                                                         : others)
        .push_back(endpoint);
  }
  std::vector<tcp::endpoint> mixed;
  for (size_t i = 0; mixed.size() < endpoints.size(); ++i) {
    if (i < of_first_family.size()) mixed.push_back(of_first_family[i]);
    if (i < others.size()) mixed.push_back(others[i]);
  }
  return mixed;
}

ConnectionRace::ConnectionRace(asio::io_context& io,
                               std::vector<tcp::endpoint> endpoints,
                               Clock::time_point deadline, Done done)
    : io_(io),
      endpoints_(std::move(endpoints)),
      deadline_(deadline),
      done_(std::move(done)),
      next_timer_(io),
      deadline_timer_(io) {}

void ConnectionRace::Start() {
  if (deadline_ != Clock::time_point::max()) {
    deadline_timer_.expires_at(deadline_);
    deadline_timer_.async_wait(
        [self = shared_from_this()](std::error_code error) {
          if (!error && self->done_) self->OnDeadline();
        });
  }
  StartNext();
}

void ConnectionRace::Cancel() {
  done_ = nullptr;
  next_timer_.cancel();
  deadline_timer_.cancel();
  pending_.clear();
}

void ConnectionRace::StartNext() {
  while (next_ < endpoints_.size()) {
    if (Begin(endpoints_[next_++])) break;
  }
  if (next_ < endpoints_.size()) {
    next_timer_.expires_after(kConnectionAttemptDelay);
    next_timer_.async_wait([self = shared_from_this()](std::error_code error) {
      // The handler of a timer that has expired cannot be cancelled.
      if (!error && self->done_ && self->next_timer_.expiry() <= Clock::now()) {
        self->StartNext();
      }
    });
  } else if (pending_.empty()) {
    Finish(Failure());
  }
}

bool ConnectionRace::Begin(const tcp::endpoint& endpoint) {
  UniqueFd descriptor(socket(endpoint.protocol().family(),
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!descriptor.valid()) {
    Failed(endpoint, errno);
    return false;
  }
  has_socket_ = true;
  ResetOnClose(descriptor.get());
  tcp::socket socket(io_);
  std::error_code error;
  socket.assign(endpoint.protocol(), descriptor.get(), error);
  if (error) {
    Failed(endpoint, error.value());
    return false;
  }
  descriptor.release();
  pending_.push_back({endpoint, std::move(socket)});
  const auto attempt = std::prev(pending_.end());
  attempt->socket.async_connect(endpoint, [self = shared_from_this(), attempt](
                                              std::error_code connect_error) {
    // `attempt` is gone once the race is over.
    if (self->done_) self->OnConnected(attempt, connect_error.value());
  });
  return true;
}

void ConnectionRace::OnConnected(Attempts::iterator attempt, int error) {
  if (error == 0 && IsConnectedToItself(attempt->socket.native_handle())) {
    error = ECONNREFUSED;
  }
  if (error == 0) {
    std::error_code release_error;
    UniqueFd socket(attempt->socket.release(release_error));
    if (!release_error) return Finish(std::move(socket));
    socket.release();
    error = release_error.value();
  }
  Failed(attempt->endpoint, error);
  pending_.erase(attempt);
  StartNext();
}

void ConnectionRace::OnDeadline() {
  for (const Attempt& attempt : pending_) Failed(attempt.endpoint, ETIMEDOUT);
  Finish(Failure());
}

void ConnectionRace::Failed(const tcp::endpoint& endpoint, int error) {
  // A name may have very many addresses.
  constexpr size_t kMostNamed = 4;
  if (++failed_ > kMostNamed) return;
  std::ostringstream name;
  name << endpoint;
  absl::StrAppend(&reasons_, reasons_.empty() ? "" : "; ", name.str(), ": ",
                  std::generic_category().message(error));
}

void ConnectionRace::Finish(absl::StatusOr<UniqueFd> result) {
  Done done = std::move(done_);
  Cancel();
  done(std::move(result));
}

absl::Status ConnectionRace::Failure() const {
  return has_socket_ ? absl::UnavailableError(reasons_)
                     : absl::ResourceExhaustedError(reasons_);
}

}  // namespace tcptool::dataplane
