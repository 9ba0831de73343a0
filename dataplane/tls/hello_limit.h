// How large a ClientHello may be.
#ifndef TCPTOOL_DATAPLANE_TLS_HELLO_LIMIT_H_
#define TCPTOOL_DATAPLANE_TLS_HELLO_LIMIT_H_

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace tcptool::dataplane {

// A message of a TLS handshake begins with its type and its length (RFC 8446,
// section 4). When these have come, OpenSSL sets memory aside for all of it:
// 128 KiB for a ClientHello, if a stranger says so and sends nothing more. So
// they are looked at before OpenSSL gets them. A client sends a second one
// after a HelloRetryRequest. The other messages that are large are
// certificates, which SSL_CTX_set_max_cert_list() bounds.
class HelloLimit {
 public:
  // What OpenSSL has for the messages of a handshake from the beginning. A
  // client's hello has a few hundred bytes, or two thousand if its keys are to
  // withstand quantum computers.
  static constexpr size_t kMaxBytes = 16 << 10;

  // A record with `bytes` bytes of content begins, in which a ClientHello has
  // to begin.
  void Expect(size_t bytes);
  // What has come behind that, in pieces of any size. False: it is not to be
  // given to OpenSSL, as it is no ClientHello, or a larger one, or the record
  // ends within its type and length.
  bool Admits(absl::string_view bytes);

  // Whether something was not admitted, or will not be.
  bool exceeded() const { return exceeded_; }

 private:
  uint32_t header_ = 0;  // The type and the length, in network byte order.
  size_t missing_ = 0;   // Bytes of it.
  bool exceeded_ = false;
};

// Has `limit` told of the records of `ssl`, a server's end, in which a
// ClientHello has to begin; what is read is the caller's to show to it.
// SSL_set_msg_callback(ssl, nullptr) ends that: there are none after the
// handshake.
void WatchForHellos(SSL* ssl, HelloLimit& limit);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_HELLO_LIMIT_H_
