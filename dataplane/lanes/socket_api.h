// The system calls that the byte path makes on a socket. The seam at which
// tests inject what a kernel and a network can do: short writes, resets, a full
// table of descriptors.
#ifndef TCPTOOL_DATAPLANE_LANES_SOCKET_API_H_
#define TCPTOOL_DATAPLANE_LANES_SOCKET_API_H_

#include <sys/socket.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tcptool::dataplane {

// What TCP knows about a connection (tcp(7), TCP_INFO).
struct TcpInfo {
  uint8_t state = 0;  // TCP_ESTABLISHED, TCP_CLOSE_WAIT, ... (netinet/tcp.h).
  uint64_t bytes_acked = 0;
  uint32_t rtt_us = 0;             // Smoothed.
  uint32_t total_retransmits = 0;  // Segments.
  uint32_t unanswered = 0;  // Retransmissions and probes without an answer yet.
  uint32_t last_ack_ms = 0;  // Time since the peer was last heard of.
};

// All calls are those of the manual pages named, do not wait, and are restarted
// after a signal. A negative answer is -errno. One object serves any number of
// threads.
class SocketApi {
 public:
  virtual ~SocketApi() = default;

  // accept4(2): a descriptor that is non-blocking and closed on exec.
  virtual int Accept(int listener, sockaddr_storage* peer, socklen_t* size);
  // recv(2). 0: the peer has ended its side.
  virtual ssize_t Receive(int socket, std::span<std::byte> buffer);
  // recv(2) with MSG_PEEK.
  virtual ssize_t Peek(int socket, std::span<std::byte> buffer);
  // send(2) without SIGPIPE.
  virtual ssize_t Send(int socket, std::span<const std::byte> data);
  // sendfile(2).
  virtual ssize_t SendFile(int socket, int file, uint64_t offset, size_t size);
  // shutdown(2) of the sending side.
  virtual int ShutdownWrite(int socket);
  // Bytes, the end of the stream included, that the peer has not acknowledged
  // (SIOCOUTQ, tcp(7)).
  virtual int Unacknowledged(int socket);
  // SO_ERROR, as -errno; 0 when all is well. Clears it.
  virtual int Error(int socket);
  // recv(2) with MSG_OOB: takes the urgent byte, which poll(2) would report as
  // POLLPRI until then. -EINVAL: there is none.
  virtual int DropUrgent(int socket);
  // TCP_INFO.
  virtual int Info(int socket, TcpInfo* info);
  // Whether the path to the peer never leaves this host (getsockname(2),
  // getpeername(2)). False where that is not known.
  virtual bool StaysInHost(int socket);

  // The kernel's.
  static SocketApi& Real();
};

// Makes close(2) of `socket` reset the connection (SO_LINGER 0, socket(7)), so
// that the peer cannot take the end for an orderly one.
void ResetOnClose(int socket);

// Takes that back: close(2) ends the connection in an orderly way.
void EndInOrderOnClose(int socket);

// Resets and closes a connection.
void ResetAndClose(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_SOCKET_API_H_
