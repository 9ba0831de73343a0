#include "client/tcptool/happy_eyeballs.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::client {
namespace {

using asio::ip::tcp;
using dataplane::UniqueFd;
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

class Race {
 public:
  Race(const std::vector<tcp::endpoint>& endpoints, Clock::time_point deadline)
      : endpoints_(endpoints), deadline_(deadline) {}

  absl::StatusOr<UniqueFd> Run() {
    while (!winner_.valid()) {
      const Clock::time_point now = Clock::now();
      if (next_ < endpoints_.size() && (pending_.empty() || now >= next_at_)) {
        next_at_ = now + kConnectionAttemptDelay;
        Start(endpoints_[next_++]);
      } else if (pending_.empty()) {
        return Failure();
      } else if (now >= deadline_) {
        for (const Attempt& attempt : pending_) Failed(attempt, ETIMEDOUT);
        return Failure();
      } else {
        Wait(now);
      }
    }
    fcntl(winner_.get(), F_SETFL, fcntl(winner_.get(), F_GETFL) & ~O_NONBLOCK);
    return std::move(winner_);
  }

 private:
  struct Attempt {
    UniqueFd socket;
    tcp::endpoint endpoint;
  };

  void Start(const tcp::endpoint& endpoint) {
    Attempt attempt = {
        UniqueFd(socket(endpoint.protocol().family(),
                        SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        endpoint};
    if (!attempt.socket.valid()) return Failed(attempt, errno);
    has_socket_ = true;
    dataplane::ResetOnClose(attempt.socket.get());
    if (connect(attempt.socket.get(), endpoint.data(), endpoint.size()) == 0) {
      return Connected(std::move(attempt));
    }
    if (errno != EINPROGRESS) return Failed(attempt, errno);
    pending_.push_back(std::move(attempt));
  }

  // Waits until an attempt has completed, or the next one is due.
  void Wait(Clock::time_point now) {
    const Clock::time_point until =
        next_ < endpoints_.size() ? std::min(deadline_, next_at_) : deadline_;
    int timeout = -1;
    if (until != Clock::time_point::max()) {
      const auto left =
          std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
      timeout = static_cast<int>(std::clamp<int64_t>(left, 0, 1 << 30));
    }
    std::vector<pollfd> polled;
    for (const Attempt& attempt : pending_) {
      polled.push_back({attempt.socket.get(), POLLOUT, 0});
    }
    if (poll(polled.data(), polled.size(), timeout) <= 0) return;
    std::vector<Attempt> still_pending;
    for (size_t i = 0; i < pending_.size(); ++i) {
      if (polled[i].revents == 0 || winner_.valid()) {
        still_pending.push_back(std::move(pending_[i]));
        continue;
      }
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(polled[i].fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0) {
        Connected(std::move(pending_[i]));
      } else {
        Failed(pending_[i], error);
      }
    }
    pending_ = std::move(still_pending);
  }

  void Connected(Attempt attempt) {
    if (IsConnectedToItself(attempt.socket.get())) {
      return Failed(attempt, ECONNREFUSED);
    }
    winner_ = std::move(attempt.socket);
  }

  void Failed(const Attempt& attempt, int error) {
    next_at_ = Clock::time_point::min();
    // A name may have very many addresses.
    constexpr size_t kMostNamed = 4;
    if (++failed_ > kMostNamed) return;
    std::ostringstream name;
    name << attempt.endpoint;
    absl::StrAppend(&reasons_, reasons_.empty() ? "" : "; ", name.str(), ": ",
                    std::generic_category().message(error));
  }

  absl::Status Failure() const {
    return has_socket_ ? absl::UnavailableError(reasons_)
                       : absl::ResourceExhaustedError(reasons_);
  }

  const std::vector<tcp::endpoint>& endpoints_;
  const Clock::time_point deadline_;
  size_t next_ = 0;  // Of endpoints_.
  Clock::time_point next_at_ = Clock::time_point::min();
  std::vector<Attempt> pending_;
  UniqueFd winner_;
  bool has_socket_ = false;
  size_t failed_ = 0;
  std::string reasons_;
};

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

absl::StatusOr<UniqueFd> ConnectToFirst(
    const std::vector<tcp::endpoint>& endpoints, Clock::time_point deadline) {
  return Race(endpoints, deadline).Run();
}

}  // namespace tcptool::client
