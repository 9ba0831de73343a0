#include "dataplane/lanes/socket_api.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace tcptool::dataplane {
namespace {

// Runs a call again for as long as a signal cuts it short.
template <typename Call>
ssize_t Restarted(Call call) {
  ssize_t result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result < 0 ? -errno : result;
}

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

void SetLinger(int socket, const linger& value) {
  setsockopt(socket, SOL_SOCKET, SO_LINGER, &value, sizeof value);
}

}  // namespace

int SocketApi::Accept(int listener, sockaddr_storage* peer, socklen_t* size) {
  return static_cast<int>(Restarted([=] {
    return accept4(listener, reinterpret_cast<sockaddr*>(peer), size,
                   SOCK_NONBLOCK | SOCK_CLOEXEC);
  }));
}

ssize_t SocketApi::Receive(int socket, std::span<std::byte> buffer) {
  return Restarted(
      [=] { return recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT); });
}

ssize_t SocketApi::Peek(int socket, std::span<std::byte> buffer) {
  return Restarted([=] {
    return recv(socket, buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_PEEK);
  });
}

ssize_t SocketApi::Send(int socket, std::span<const std::byte> data) {
  return Restarted([=] {
    return send(socket, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  });
}

ssize_t SocketApi::SendFile(int socket, int file, uint64_t offset,
                            size_t size) {
  return Restarted([=] {
    off_t position = static_cast<off_t>(offset);
    return sendfile(socket, file, &position, size);
  });
}

int SocketApi::ShutdownWrite(int socket) {
  return shutdown(socket, SHUT_WR) < 0 ? -errno : 0;
}

int SocketApi::Unacknowledged(int socket) {
  int bytes = 0;
  return ioctl(socket, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int SocketApi::Error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0) {
    return -errno;
  }
  return -error;
}

int SocketApi::DropUrgent(int socket) {
  std::byte dropped;
  return static_cast<int>(Restarted(
      [&] { return recv(socket, &dropped, 1, MSG_DONTWAIT | MSG_OOB); }));
}

int SocketApi::Info(int socket, TcpInfo* info) {
  tcp_info kernel{};
  socklen_t size = sizeof kernel;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &kernel, &size) < 0) {
    return -errno;
  }
  info->state = kernel.tcpi_state;
  info->bytes_acked = kernel.tcpi_bytes_acked;
  info->rtt_us = kernel.tcpi_rtt;
  info->total_retransmits = kernel.tcpi_total_retrans;
  info->unanswered = kernel.tcpi_retransmits + kernel.tcpi_probes;
  info->last_ack_ms = kernel.tcpi_last_ack_recv;
  return 0;
}

bool SocketApi::StaysInHost(int socket) {
  sockaddr_storage local{};
  sockaddr_storage peer{};
  socklen_t local_size = sizeof local;
  socklen_t peer_size = sizeof peer;
  return getsockname(socket, reinterpret_cast<sockaddr*>(&local),
                     &local_size) == 0 &&
         getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &peer_size) ==
             0 &&
         (IsLoopback(peer) || SameHost(local, peer));
}

SocketApi& SocketApi::Real() {
  static SocketApi api;
  return api;
}

void ResetOnClose(int socket) {
  SetLinger(socket, {.l_onoff = 1, .l_linger = 0});
}

void EndInOrderOnClose(int socket) {
  SetLinger(socket, {.l_onoff = 0, .l_linger = 0});
}

void ResetAndClose(int socket) {
  ResetOnClose(socket);
  close(socket);
}

}  // namespace tcptool::dataplane
