#include "dataplane/send_method.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

namespace tcptool::dataplane {
namespace {

bool SameHost(const sockaddr_storage& local, const sockaddr_storage& peer) {
  if (local.ss_family != peer.ss_family) return false;
  if (local.ss_family == AF_INET) {
    return reinterpret_cast<const sockaddr_in&>(local).sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr;
  }
  return std::memcmp(&reinterpret_cast<const sockaddr_in6&>(local).sin6_addr,
                     &reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr,
                     sizeof(in6_addr)) == 0;
}

bool IsLoopback(const sockaddr_storage& address) {
  constexpr uint32_t kLoopbackNet = 127;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(v4.sin_addr.s_addr) >> 24 == kLoopbackNet;
  }
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) ||
         (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == kLoopbackNet);
}

}  // namespace

SendMethod ChooseSendMethod(int socket) {
  sockaddr_storage local{};
  sockaddr_storage peer{};
  socklen_t local_size = sizeof local;
  socklen_t peer_size = sizeof peer;
  const bool known =
      getsockname(socket, reinterpret_cast<sockaddr*>(&local), &local_size) ==
          0 &&
      getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
  const bool stays_here = known && (IsLoopback(peer) || SameHost(local, peer));
  return stays_here ? SendMethod::kCopy : SendMethod::kZeroCopy;
}

}  // namespace tcptool::dataplane
