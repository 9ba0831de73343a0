#include "server/rpc/given_connections.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <optional>
#include <utility>

#include "dataplane/base/unique_fd.h"
#include "server/base/log.h"
#include "server/front/unix_send_buffer.h"

namespace tcptool::server {
namespace {

// Of the socket behind a descriptor; nullopt: there is none. The descriptor may
// be a file's by now, whose server is gone: fstat(2) would wait for that. It is
// called where a seccomp filter refuses statx(2) alone.
std::optional<uint64_t> InodeOf(int fd) {
  struct statx status {};
  if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO,
            &status) == 0) {
    if (!S_ISSOCK(status.stx_mode)) return std::nullopt;
    return status.stx_ino;
  }
  struct stat plain {};
  const bool is_refused = errno == ENOSYS || errno == EPERM;
  if (!is_refused || fstat(fd, &plain) != 0 || !S_ISSOCK(plain.st_mode)) {
    return std::nullopt;
  }
  return plain.st_ino;
}

}  // namespace

bool GivenConnections::Add(int fd, const std::string& host) {
  const std::optional<uint64_t> inode = InodeOf(fd);
  if (!inode) return false;
  std::optional<Places::Id> place = places_.Enter(host).id;
  if (!place) {
    LeaveThoseThatAreGone();
    place = places_.Enter(host).id;
  }
  if (!place) return false;
  // Whoever reaches the port may call: nobody makes room for others.
  places_.Trust(*place);
  SetUnixSendBuffer(fd, kUnixSendBytes);
  given_.push_back(
      {.fd = fd, .inode = *inode, .place = *place, .is_local = host.empty()});
  return true;
}

void GivenConnections::Tick(Clock::time_point now) {
  LeaveThoseThatAreGone();
  for (Given& given : given_) {
    if (given.is_local) EndIfItTakesNothing(given, now);
  }
  if (const uint64_t untold = refusals_.TakeUntold(); untold > 0) {
    LogWarning("connections_refused", {{"count", untold}});
  }
}

bool GivenConnections::IsThere(const Given& given) {
  return InodeOf(given.fd) == given.inode;
}

void GivenConnections::LeaveThoseThatAreGone() {
  std::erase_if(given_, [this](const Given& given) {
    if (IsThere(given)) return false;
    places_.Leave(given.place);
    return true;
  });
}

void GivenConnections::EndIfItTakesNothing(Given& given,
                                           Clock::time_point now) {
  // gRPC may close the descriptor at any moment, and another file get its
  // number; a duplicate stays what it is.
  const dataplane::UniqueFd same(fcntl(given.fd, F_DUPFD_CLOEXEC, 0));
  if (!same.valid() || InodeOf(same.get()) != given.inode) return;
  int unread = 0;
  ioctl(same.get(), SIOCOUTQ, &unread);
  const bool took = unread < std::exchange(given.unread, unread);
  const bool is_fine = unread == 0 || took;
  if (is_fine) given.takes_nothing_since = now;
  // gRPC may have filled the room anew that the client has made, and then there
  // is as much as before: with a smaller buffer there is less.
  const bool is_small = !is_fine;
  if (std::exchange(given.has_small_buffer, is_small) != is_small) {
    SetUnixSendBuffer(same.get(),
                      is_small ? kSmallUnixSendBytes : kUnixSendBytes);
  }
  if (now - given.takes_nothing_since < kTakesNothing) return;
  shutdown(same.get(), SHUT_RDWR);
  if (!refusals_.Allows()) return;
  LogWarning(
      "connection_refused",
      {{"peer", "unix:"}, {"reason", "it takes nothing of what it is sent"}});
}

}  // namespace tcptool::server
