#include "server/base/systemd_notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::server {

// Not libsystemd's sd_notify(): its manual page encourages own implementations
// of the protocol, and the library would add its compression and cryptography
// to every container.
bool NotifyServiceManager(absl::string_view state) {
  const char* const variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr) return false;
  const absl::string_view path = variable;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A path, or an abstract socket, with '@' in place of the NUL (unix(7)).
  if (path.size() < 2 || path.size() >= sizeof(address.sun_path) ||
      (path[0] != '/' && path[0] != '@')) {
    return false;
  }
  path.copy(address.sun_path, path.size());
  if (path[0] == '@') address.sun_path[0] = '\0';
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const dataplane::UniqueFd socket(
      ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return ::sendto(socket.get(), state.data(), state.size(),
                  MSG_NOSIGNAL | MSG_DONTWAIT,
                  reinterpret_cast<const sockaddr*>(&address),
                  length) == static_cast<ssize_t>(state.size());
}

absl::Duration WatchdogTimeout() {
  const char* const timeout = std::getenv("WATCHDOG_USEC");
  int64_t microseconds = 0;
  if (timeout == nullptr || !absl::SimpleAtoi(timeout, &microseconds) ||
      microseconds <= 0) {
    return absl::ZeroDuration();
  }
  // The variables may be inherited from a parent whom they are meant for.
  const char* const pid = std::getenv("WATCHDOG_PID");
  int64_t number = 0;
  if (pid != nullptr &&
      (!absl::SimpleAtoi(pid, &number) || number != getpid())) {
    return absl::ZeroDuration();
  }
  return absl::Microseconds(microseconds);
}

bool ExtendServiceTimeout(absl::Duration extension) {
  return NotifyServiceManager(absl::StrCat(
      "EXTEND_TIMEOUT_USEC=", absl::ToInt64Microseconds(extension)));
}

}  // namespace tcptool::server
