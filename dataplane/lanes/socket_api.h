// The system calls that the byte path makes on a socket. An interface, so that
// tests can inject what kernels and networks do: short writes, resets, an
// exhausted descriptor table.
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
  uint32_t data_segments_in = 0;   // With data; what came twice counts twice.
  uint32_t total_retransmits = 0;  // Segments.
  uint32_t unanswered = 0;  // Retransmissions and probes without an answer yet.
  uint32_t last_ack_ms = 0;  // Time since the peer was last heard of.
};

// Each method is the system call of the manual page named. It does not block,
// is restarted after a signal, and returns -errno on an error. Thread-safe.
class SocketApi {
 public:
  virtual ~SocketApi() = default;

  // accept4(2): a descriptor that is non-blocking and closed on exec.
  virtual int Accept(int listener, sockaddr_storage* peer, socklen_t* size);
  // recv(2). 0: the peer has sent its FIN.
  virtual ssize_t Receive(int socket, std::span<std::byte> buffer);
  // recv(2) with MSG_PEEK.
  virtual ssize_t Peek(int socket, std::span<std::byte> buffer);
  // send(2) without SIGPIPE.
  virtual ssize_t Send(int socket, std::span<const std::byte> data);
  // sendfile(2).
  virtual ssize_t SendFile(int socket, int file, uint64_t offset, size_t size);
  // shutdown(2) of the sending side.
  virtual int ShutdownWrite(int socket);
  // The number of bytes that the peer has not acknowledged, our FIN included
  // (SIOCOUTQ, tcp(7)).
  virtual int Unacknowledged(int socket);
  // SO_ERROR, as -errno; 0 when all is well. Clears it.
  virtual int TakeError(int socket);
  // recv(2) with MSG_OOB: discards the urgent byte, for which poll(2) reports
  // POLLPRI until then. -EINVAL: there is none.
  virtual int DropUrgent(int socket);
  // TCP_INFO.
  virtual int Info(int socket, TcpInfo* info);
  // Whether the path to the peer may stay in this host, as it does over
  // loopback, a veth pair, or a bridge to a container: the peer's last packet
  // has not come by a network card's queue (SO_INCOMING_NAPI_ID, socket(7)), or
  // its handshake has not come by a network card, or the route to it is not by
  // one. True where that is not known.
  virtual bool StaysInHost(int socket);

  // The real system calls.
  static SocketApi& Real();
};

// Makes close(2) of `socket` reset the connection (SO_LINGER with time 0,
// socket(7)), so that the peer cannot take the end for an orderly one.
void ResetOnClose(int socket);

// Undoes ResetOnClose(): close(2) then sends a FIN.
void EndInOrderOnClose(int socket);

// Resets and closes a connection.
void ResetAndClose(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_SOCKET_API_H_
