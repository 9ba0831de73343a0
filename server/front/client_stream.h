// A client's connection, in clear text or TLS, without waiting.
#ifndef TCPTOOL_SERVER_FRONT_CLIENT_STREAM_H_
#define TCPTOOL_SERVER_FRONT_CLIENT_STREAM_H_

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/front/tls_intake.h"
#include "server/security/control_tls.h"

namespace tcptool::server {

// The server's end. One thread.
class ClientStream {
 public:
  enum class Result {
    kDone,
    kWaitsForInput,  // Try again when the socket can be read,
    kWaitsForRoom,   // or written. Either may be the answer to either call.
    kEnd,            // The client has ended the connection in order, or has
                     // left it within the TLS handshake.
    kLost,           // It cannot be used any more; error() says why.
  };
  struct Moved {
    Result result;
    size_t bytes = 0;  // Not 0 if kDone.
  };

  // `fd`: non-blocking, stays the caller's, and outlives this. `tls`: null for
  // clear text. A client that speaks TLS with kHttp2 must ask for HTTP/2 (ALPN
  // "h2").
  ClientStream(int fd, SSL_CTX* tls,
               TlsProtocol protocol = TlsProtocol::kHttp2);
  ClientStream(const ClientStream&) = delete;
  ClientStream& operator=(const ClientStream&) = delete;
  ~ClientStream();

  // Whether the TLS handshake is done, as it always is in clear text.
  bool ready() const { return ready_; }
  // The client's certificate, which was verified; null: it has none.
  std::unique_ptr<X509, void (*)(X509*)> certificate() const;
  // What was wrong with the handshake or the connection.
  const std::string& error() const { return error_; }

  // Reads many of TLS's records with one system call from here on.
  void ExpectMuch();

  // These go on with the handshake, and move data once it is done.
  Moved Read(absl::Span<char> into);
  Moved Write(absl::string_view bytes);
  // Tells the client that this is an orderly end, as far as there is room.
  void SayEnd();

 private:
  Moved Handshake();
  // Why an operation of OpenSSL's that returned `result` has not succeeded.
  Moved Why(int result);
  // The same for a system call's errno.
  Moved WhyErrno(Result blocked);

  const int fd_;
  const TlsProtocol protocol_;
  TlsIntake intake_;
  SSL* const ssl_;  // Null for clear text.
  bool ready_;
  std::string error_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_CLIENT_STREAM_H_
