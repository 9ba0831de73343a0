// TLS 1.3 on one connection, as a SocketApi: whoever sends, receives and ends
// by that needs not know of it.
#ifndef TCPTOOL_DATAPLANE_TLS_TLS_CONNECTION_H_
#define TCPTOOL_DATAPLANE_TLS_TLS_CONNECTION_H_

#include <openssl/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/tls_wire.h"

namespace tcptool::dataplane {

enum class TlsRole : uint8_t { kServer, kClient };

// One thread at a time. `socket` of each method is the socket of the
// constructor, or for Accept() a listener.
//
// The ends of the two directions are TLS's (close_notify), and TCP's behind it:
//
//   - ShutdownWrite() sends both. Nothing else sends a close_notify, the
//     destructor least of all: a connection that is reset (ResetOnClose())
//     without it is seen to be cut.
//   - Receive() returns 0 for the peer's close_notify. A FIN without one is the
//     same to a server, whose clients have nothing to say that could be cut. To
//     a client it is -EPROTO: what it has may not be all.
//
// Sending is in records of 16 KiB, several of which go to the kernel with one
// call. What the kernel does not take of them is kept (RecordQueue), and sent
// first by the next call of Send() or Unacknowledged().
class TlsConnection final : public SocketApi {
 public:
  enum class Outcome : uint8_t {
    kDone,
    kWaitsForInput,  // Try again when the socket can be read,
    kWaitsForRoom,   // or written.
    kClosed,         // The peer has ended or reset the connection.
    kFailed,         // error() says why.
  };

  // `sockets` outlives it. `context`: see tls_context.h; null: Handshake()
  // fails. `socket` does not block, stays the caller's, and outlives this.
  TlsConnection(SocketApi& sockets, const std::shared_ptr<SSL_CTX>& context,
                int socket, TlsRole role);
  ~TlsConnection() override;

  TlsConnection(const TlsConnection&) = delete;
  TlsConnection& operator=(const TlsConnection&) = delete;

  // Before the handshake, of a server whose context has authorities for
  // clients: one without a certificate fails the handshake.
  void RequireCertificate();
  // Before the handshake, of a client: the server's certificate must be for
  // this host, a DNS name or an address, by its alternative names; the server
  // is told the DNS name (SNI). The handshake fails of what is no host, as
  // ".example".
  void ExpectServer(const std::string& host);

  // Begins the handshake, or goes on with it. The other calls are for after
  // kDone.
  Outcome Handshake();
  bool ready() const { return ready_; }
  // What has failed, for people, once Handshake() has or a call has returned
  // -EPROTO: the reason, and what to do where that is known.
  const std::string& error() const { return error_; }
  // Once Handshake() has failed: why the peer's certificate is not good, one of
  // X509_V_ERR_...; X509_V_OK (0) if that is not what was wrong.
  long verification() const;
  // Whether the peer has ended the connection, in order, by an alert or without
  // a word; false: if it has failed, that was found here.
  bool peer_has_ended() const;
  // Of the peer's certificate, which was verified; see CertificateNames().
  // Empty: it has shown none.
  const std::vector<std::string>& names() const { return names_; }
  // The kernel encrypts (NewServerContext()): SendFile() works, and it and
  // Send() return -EPROTO before the key has encrypted too much. SendFile()
  // returns -EOPNOTSUPP otherwise.
  bool is_in_kernel() const { return is_in_kernel_; }

  int Accept(int listener, sockaddr_storage* peer, socklen_t* size) override;
  // Decrypts. Wait for the socket after -EAGAIN, or when less than the buffer
  // has room for was returned, and not before: what has come may be here
  // already.
  ssize_t Receive(int socket, std::span<std::byte> buffer) override;
  // 8 bytes at most.
  ssize_t Peek(int socket, std::span<std::byte> buffer) override;
  // Returns how much of `data` the kernel has, encrypted. The rest may be
  // encrypted too, and is kept: the next call has to begin with it, as it would
  // where the kernel had no room. Its `data` may be shorter or longer.
  ssize_t Send(int socket, std::span<const std::byte> data) override;
  ssize_t SendFile(int socket, int file, uint64_t offset, size_t size) override;
  int ShutdownWrite(int socket) override;
  // In bytes on the wire, what is kept here included.
  int Unacknowledged(int socket) override;
  // The socket's, or else what receiving has failed of, which stays.
  int TakeError(int socket) override;
  int DropUrgent(int socket) override;
  // `bytes_acked` is in bytes of content: never more than those whose cipher
  // the peer's TCP has acknowledged, fewer by what the records in flight have
  // besides (22 bytes each), and exact once all is acknowledged. It never goes
  // back. `state` is TCP_CLOSE_WAIT as well when the peer's close_notify was
  // read.
  int Info(int socket, TcpInfo* info) override;
  bool StaysInHost(int socket) override;

 private:
  // What one call may read from the socket at least. More than a record has, so
  // that whoever sends content has some of it within this.
  static constexpr size_t kLeastBudget = size_t{20} << 10;
  // Of a client's handshake, in bytes: more than a ClientHello and a chain of
  // certificates have. OpenSSL keeps them to the end of the handshake.
  static constexpr size_t kMaxHandshake = size_t{32} << 10;
  // Records that are encrypted with one key. AES-GCM stays safe for 24 million
  // (RFC 8446, section 5.5); of content these are 16 GiB.
  static constexpr uint64_t kRecordsPerKey = uint64_t{1} << 20;
  // The same for a key of the kernel's, which is not renewed.
  static constexpr uint64_t kRecordsInKernel = 23'000'000;
  // What Peek() can show.
  static constexpr size_t kMaxPeek = 8;

  // Whether the first byte has come, and is TLS's.
  Outcome CheckFirstByte();
  Outcome OnHandshakeDone();
  Outcome Fail(std::string error);
  // Why an operation of OpenSSL's that returned `result` has not succeeded, as
  // Receive() returns it. `received`: bytes of content that the running call
  // has got before, for which a budget may be spent.
  int WhyNot(int result, size_t received = 0);
  // Why one that writes has not: as WhyNot(), and never to be tried again.
  int WhyNotWritten(int result);
  // Puts `data` into the queue, encrypted. 0 or -errno.
  int Encrypt(std::span<const std::byte> data);
  // Whether the kernel's key is good for `size` more bytes of content. 0, or
  // -EPROTO: it has encrypted enough.
  int CheckKernelKey(size_t size);
  // Sends the queue, and behind it the FIN that is due. As
  // RecordQueue::Flush().
  int Flush();
  // Bytes on the wire that are not acknowledged, or not sent. -errno.
  int InFlight();
  // The same where the kernel encrypts and SIOCOUTQ says `unacknowledged`.
  int InFlightInKernel(int unacknowledged);

  const TlsRole role_;
  TlsWire wire_;
  SSL* const ssl_;  // Null: there is no context, or no memory.
  bool ready_ = false;
  bool is_in_kernel_ = false;
  bool has_first_byte_ = false;
  bool fin_is_due_ = false;
  bool has_ended_ = false;  // ShutdownWrite() was called.
  int failure_ = 0;         // -errno; once it is set, nothing more is received.
  // What was read to be shown by Peek(): OpenSSL would keep a buffer for it.
  std::array<std::byte, kMaxPeek> peeked_;
  size_t peeked_size_ = 0;
  // The content that was encrypted last, the bytes of its records, and the part
  // of it of which Send() has not said yet that the kernel has it.
  size_t batch_ = 0;
  size_t batch_wire_ = 0;
  size_t held_ = 0;
  uint64_t content_ = 0;  // Bytes encrypted.
  uint64_t acked_ = 0;    // The most that Info() has said of them.
  uint64_t records_ = 0;  // With the key in use; the kernel's, when last seen.
  uint64_t content_at_look_ = 0;  // `content_` then.
  std::string error_;
  std::vector<std::string> names_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_TLS_CONNECTION_H_
