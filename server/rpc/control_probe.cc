#include "server/rpc/control_probe.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "server/base/log.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

absl::Status SystemError(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(error)));
}

// POLLIN or POLLOUT; an error or an end of the connection's counts too.
absl::Status Wait(int socket, short events, std::chrono::milliseconds timeout) {
  pollfd polled = {.fd = socket, .events = events, .revents = 0};
  const int ready = poll(&polled, 1, static_cast<int>(timeout.count()));
  if (ready > 0) return absl::OkStatus();
  return ready < 0 ? SystemError("poll", errno)
                   : absl::UnavailableError("no answer in time");
}

absl::Status TryAddress(const sockaddr* address, socklen_t size,
                        std::chrono::milliseconds timeout) {
  const UniqueFd fd(socket(address->sa_family,
                           SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return SystemError("socket", errno);
  if (connect(fd.get(), address, size) != 0) {
    if (errno != EINPROGRESS) return SystemError("connect", errno);
    absl::Status status = Wait(fd.get(), POLLOUT, timeout);
    if (!status.ok()) return status;
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
    if (error != 0) return SystemError("connect", error);
  }
  // An error means that the server has closed the connection already, which is
  // an answer as well.
  shutdown(fd.get(), SHUT_WR);
  return Wait(fd.get(), POLLIN, timeout);
}

}  // namespace

ControlProbe::ControlProbe(const std::string& address, Options options,
                           TryCall try_call, OnChange on_change)
    : address_(address),
      options_(options),
      try_call_(std::move(try_call)),
      on_change_(std::move(on_change)),
      thread_([this] { Run(); }) {}

ControlProbe::~ControlProbe() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    stopped_changed_.NotifyAll();
  }
  thread_.join();
}

bool ControlProbe::works() const {
  absl::MutexLock lock(&mutex_);
  return works_;
}

void ControlProbe::Run() {
  Clock::time_point succeeded = Clock::now();
  while (true) {
    absl::Status status = TryPort(options_.interval);
    if (status.ok()) status = try_call_(options_.interval);
    const Clock::time_point now = Clock::now();
    if (status.ok()) succeeded = now;
    if (status.ok() || now - succeeded >= options_.limit) {
      SetWorks(status.ok(), status);
    }
    absl::MutexLock lock(&mutex_);
    const auto stopped = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return stopped_;
    };
    if (stopped_changed_.WaitFor(&mutex_, options_.interval, stopped)) return;
  }
}

absl::Status ControlProbe::TryPort(std::chrono::milliseconds timeout) const {
  absl::string_view path = address_;
  if (absl::ConsumePrefix(&path, "unix:")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    return TryAddress(reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address), timeout);
  }
  const std::optional<HostPort> parsed = ParseHostPort(address_);
  if (!parsed) return absl::UnavailableError("it is no host and port");
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(
      parsed->host.c_str(), absl::StrCat(parsed->port).c_str(), &hints, &found);
  if (failed != 0) return absl::UnavailableError(gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> all(found,
                                                               &freeaddrinfo);
  absl::Status status = absl::UnavailableError("no address");
  // Any of a name's; 0.0.0.0 and [::] are this host to connect(2) on Linux.
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    status = TryAddress(one->ai_addr, one->ai_addrlen, timeout);
    if (status.ok()) break;
  }
  return status;
}

void ControlProbe::SetWorks(bool works, const absl::Status& last) {
  {
    absl::MutexLock lock(&mutex_);
    if (std::exchange(works_, works) == works) return;
  }
  if (works) {
    LogInfo("control_reachable", {{"address", address_}});
  } else {
    LogError("control_unreachable",
             {{"address", address_}, {"error", last.message()}});
  }
  on_change_(works);
}

}  // namespace tcptool::server
