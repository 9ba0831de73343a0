#include "server/rpc/control_address.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <asio/ip/address.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/unique_fd.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kUnix = "unix:";

}  // namespace

absl::Status CheckControlAddress(const std::string& address) {
  if (IsUnixSocket(address)) {
    const size_t length = address.size() - kUnix.size();
    // sun_path includes a terminating NUL (unix(7)).
    if (length > 0 && length < sizeof(sockaddr_un::sun_path)) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", address, "\" is no address; a socket's path has 1 to ",
        sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  if (ParseHostPort(address)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", address,
      "\" is no address; write it as 127.0.0.1:9875, [::1]:9875 or "
      "unix:/path"));
}

bool IsUnixSocket(const std::string& address) {
  return absl::StartsWith(address, kUnix);
}

bool IsLocal(const std::string& address) {
  if (IsUnixSocket(address)) return true;
  const std::string host = ParseHostPort(address)->host;
  std::error_code error;
  const auto ip = asio::ip::make_address(host, error);
  return host == "localhost" || (!error && ip.is_loopback());
}

absl::Status CheckSocketPath(const std::string& address) {
  const std::string path = address.substr(kUnix.size());
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode)) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address,
        ": there is a file that is no socket; remove it or choose another "
        "--control-address"));
  }
  sockaddr_un peer{};
  peer.sun_family = AF_UNIX;
  std::memcpy(peer.sun_path, path.c_str(), path.size() + 1);
  const dataplane::UniqueFd fd(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // A full backlog is also a sign of a listener; only ECONNREFUSED is none.
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) !=
          0 &&
      errno == ECONNREFUSED) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address,
                   ": the socket is in use; stop who listens there or choose "
                   "another --control-address"));
}

}  // namespace tcptool::server
