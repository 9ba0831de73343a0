#include "dataplane/lanes/socket_api.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "dataplane/lanes/network_devices.h"
#include "dataplane/lanes/route.h"

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

int SocketApi::TakeError(int socket) {
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
  info->data_segments_in = kernel.tcpi_data_segs_in;
  info->total_retransmits = kernel.tcpi_total_retrans;
  info->unanswered = kernel.tcpi_retransmits + kernel.tcpi_probes;
  info->last_ack_ms = kernel.tcpi_last_ack_recv;
  return 0;
}

bool SocketApi::StaysInHost(int socket) {
  unsigned int queue = 0;
  socklen_t size = sizeof queue;
  if (getsockopt(socket, SOL_SOCKET, SO_INCOMING_NAPI_ID, &queue, &size) < 0 ||
      queue == 0) {
    return true;
  }
  // A virtual device may have such queues as well: a veth pair does with an XDP
  // program or with GRO.
  const auto is_wire = [](const std::optional<NetworkDevice>& device) {
    return device && NetworkDevices().IsWire(*device);
  };
  return !is_wire(DeviceOfArrival(socket)) || !is_wire(DeviceOfRoute(socket));
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
