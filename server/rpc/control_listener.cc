#include "server/rpc/control_listener.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "dataplane/base/closing_threads.h"
#include "dataplane/base/disk_of.h"
#include "server/base/log.h"
#include "server/base/thread_priority.h"
#include "server/front/places.h"
#include "server/front/reset_on_close.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

// Connections that are accepted from one listening socket before the next one
// has its turn.
constexpr int kBatch = 64;
// When accept(2) has found no descriptor, or no memory, it is tried again after
// this time.
constexpr int kStarvedPauseMs = 100;
// How often the connections that were handed over are looked at.
constexpr int kTickMs = 1000;
// The least time between two log lines that say the same.
constexpr auto kTellEvery = std::chrono::seconds(10);

// When a connection whose client takes nothing of what it is sent is lost, as
// if its host were gone. gRPC's pings do not find that out: they are behind
// what was sent before.
constexpr int kTakesNothingMs = 30'000;

// Connections of TCP that wait to be accepted, which is done at once: nobody
// has counted them, and each holds what the kernel receives by itself, 64 KiB
// and their overhead. Who comes to a full queue tries again by itself, after a
// second.
constexpr int kBacklog = 128;

// What the kernel takes for a connection beyond what is on its way. gRPC asks a
// client that reads an answer whether it is there, and closes the connection if
// that is not answered in time: the question is behind all that the kernel has,
// by default some MiB (tcp_wmem), which a slow link does not carry by then.
constexpr int kUnsentBytes = 64 << 10;

// For the disk of a Unix socket to remove it.
constexpr absl::Duration kUnlinkLimit = absl::Seconds(2);

// The umask for a Unix socket, to which its owner and group may connect.
constexpr mode_t kSocketMask = S_IXUSR | S_IXGRP | S_IRWXO;

absl::Status CannotListen(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", why));
}

// The listening socket; invalid, with errno, on an error.
UniqueFd ListenOn(const sockaddr* address, socklen_t size) {
  UniqueFd fd(socket(address->sa_family,
                     SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  const int off = 0;
  // A client of a Unix socket does not wait for a place in the queue: its
  // connect(2) fails.
  int backlog = SOMAXCONN;
  if (address->sa_family != AF_UNIX) {
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    // Connections inherit these three.
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kTakesNothingMs,
               sizeof(kTakesNothingMs));
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes,
               sizeof(kUnsentBytes));
    backlog = kBacklog;
  }
  if (address->sa_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY,
               IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) ? &off : &on,
               sizeof(on));
  }
  if (!fd.valid() || bind(fd.get(), address, size) != 0 ||
      listen(fd.get(), backlog) != 0) {
    const int error = errno;
    fd = UniqueFd();
    errno = error;
  }
  return fd;
}

uint16_t PortOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                   : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

void SetPort(sockaddr* address, uint16_t port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

bool IsAnyV4(const sockaddr* address) {
  return address->sa_family == AF_INET &&
         reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr ==
             htonl(INADDR_ANY);
}

// True, and from now on false for kTellEvery.
bool IsTimeToTell(std::chrono::steady_clock::time_point& told) {
  const auto now = std::chrono::steady_clock::now();
  if (now - told < kTellEvery) return false;
  told = now;
  return true;
}

void ResetConnection(UniqueFd fd) { ResetOnClose(fd.get()); }

}  // namespace

absl::StatusOr<std::unique_ptr<ControlListener>> ControlListener::Listen(
    const std::string& address, std::optional<size_t> max_connections) {
  auto listener = absl::WrapUnique(new ControlListener());
  if (max_connections) listener->given_.emplace(*max_connections);
  listener->stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!listener->stop_.valid()) {
    return CannotListen(address, std::strerror(errno));
  }
  absl::string_view path = address;
  absl::Status status = absl::ConsumePrefix(&path, "unix:")
                            ? listener->ListenOnPath(std::string(path))
                            : listener->ListenOnHost(address);
  if (!status.ok()) return status;
  return listener;
}

absl::Status ControlListener::ListenOnPath(const std::string& path) {
  address_ = absl::StrCat("unix:", path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  // What is there is a socket on which nobody listens (CheckSocketPath()).
  unlink(path.c_str());
  // The umask is that of the process: a file that another thread creates
  // meanwhile has fewer permissions than usual, never more.
  const mode_t mask = umask(kSocketMask);
  UniqueFd fd =
      ListenOn(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  umask(mask);
  if (!fd.valid()) return CannotListen(address_, std::strerror(error));
  path_ = path;
  disk_ = dataplane::DiskOf(
      UniqueFd(open(path.c_str(), O_PATH | O_CLOEXEC | O_NOFOLLOW)).get());
  listeners_.push_back(std::move(fd));
  return absl::OkStatus();
}

absl::Status ControlListener::ListenOnHost(const std::string& address) {
  const std::optional<HostPort> parsed = ParseHostPort(address);
  if (!parsed) return CannotListen(address, "it is no host and port");
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(
      parsed->host.c_str(), absl::StrCat(parsed->port).c_str(), &hints, &found);
  if (failed != 0) return CannotListen(address, gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found,
                                                               &freeaddrinfo);
  uint16_t port = 0;
  int error = EADDRNOTAVAIL;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (port != 0) SetPort(one->ai_addr, port);
    UniqueFd fd;
    if (IsAnyV4(one->ai_addr)) {
      sockaddr_in6 any{};
      any.sin6_family = AF_INET6;
      any.sin6_port = reinterpret_cast<sockaddr_in*>(one->ai_addr)->sin_port;
      fd = ListenOn(reinterpret_cast<const sockaddr*>(&any), sizeof(any));
    }
    // The kernel has no IPv6.
    const bool other = !fd.valid() && errno != EADDRINUSE;
    if (other || !IsAnyV4(one->ai_addr)) {
      fd = ListenOn(one->ai_addr, one->ai_addrlen);
    }
    // "::" is every address, also where the kernel has no IPv6.
    const auto* const v6 = reinterpret_cast<const sockaddr_in6*>(one->ai_addr);
    if (!fd.valid() && errno != EADDRINUSE && v6->sin6_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) {
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_port = v6->sin6_port;
      fd = ListenOn(reinterpret_cast<const sockaddr*>(&any), sizeof(any));
    }
    if (!fd.valid()) {
      error = errno;
      // An address of the name that this host does not have is skipped; one
      // whose port is in use is an error.
      if (error == EADDRINUSE) break;
      continue;
    }
    port = PortOf(fd.get());
    listeners_.push_back(std::move(fd));
    error = 0;
  }
  if (listeners_.empty() || error == EADDRINUSE) {
    return CannotListen(address, std::strerror(error));
  }
  address_ = JoinHostPort(parsed->host, port);
  return absl::OkStatus();
}

ControlListener::~ControlListener() {
  Close();
  if (path_.empty()) return;
  // Its file system may not answer any more.
  const auto unlinked = std::make_shared<absl::Notification>();
  dataplane::ClosingThreads::OfProcess().Run(disk_, [path = path_, unlinked] {
    unlink(path.c_str());
    unlinked->Notify();
  });
  if (unlinked->WaitForNotificationWithTimeout(kUnlinkLimit)) return;
  LogWarning("control_socket_stays",
             {{"path", path_}, {"error", "its disk does not answer"}});
}

void ControlListener::Open(OnConnection on_connection) {
  on_connection_ = std::move(on_connection);
  thread_ = std::thread([this] { Run(); });
}

void ControlListener::Close() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
  listeners_.clear();
}

void ControlListener::Run() {
  YieldToDataPlane();
  std::vector<pollfd> polled = {{stop_.get(), POLLIN, 0}};
  for (const UniqueFd& fd : listeners_) polled.push_back({fd.get(), POLLIN, 0});
  while (true) {
    // While there are no descriptors, only stop_ is polled: a connection that
    // waits would end poll(2) at once, again and again.
    const size_t count = starved_ ? 1 : polled.size();
    poll(polled.data(), count, starved_ ? kStarvedPauseMs : kTickMs);
    if ((polled[0].revents & POLLIN) != 0) return;
    Tick();
    starved_ = false;
    for (size_t i = 1; i < polled.size(); ++i) {
      for (int n = 0; n < kBatch && Accept(polled[i].fd); ++n) {
      }
    }
  }
}

void ControlListener::Tick() {
  const auto now = std::chrono::steady_clock::now();
  if (!given_ || now - ticked_ < std::chrono::milliseconds(kTickMs)) return;
  ticked_ = now;
  given_->Tick(now);
}

void ControlListener::TellStarved(int error) {
  if (!IsTimeToTell(told_starved_)) return;
  LogWarning("control_starved", {{"error", std::strerror(error)}});
}

void ControlListener::TellFull(const std::string& host) {
  if (!IsTimeToTell(told_full_)) return;
  LogWarning("control_full", {{"address", address_},
                              {"connections", given_->count()},
                              {"from_one_address", given_->CountFrom(host)}});
}

bool ControlListener::Accept(int listener) {
  sockaddr_storage peer{};
  socklen_t size = sizeof(peer);
  UniqueFd fd(accept4(listener, reinterpret_cast<sockaddr*>(&peer), &size,
                      SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) {
    switch (errno) {
      case EAGAIN:
        return false;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        TellStarved(errno);
        starved_ = true;
        return false;
      default:  // The connection was lost before it was accepted: accept(2).
        return true;
    }
  }
  if (const std::string host = HostOf(peer);
      given_ && !given_->Add(fd.get(), host)) {
    TellFull(host);
    ResetConnection(std::move(fd));
    return true;
  }
  on_connection_(std::move(fd));
  return true;
}

}  // namespace tcptool::server
