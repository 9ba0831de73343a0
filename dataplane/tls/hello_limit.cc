#include "dataplane/tls/hello_limit.h"

#include <openssl/ssl.h>

namespace tcptool::dataplane {
namespace {

constexpr uint32_t kClientHello = 1;  // The type of the message.

// Is told, among others, of each record's header (RFC 8446, section 5.1) when
// OpenSSL has read that, and nothing of what is behind it.
void OnMessage(int is_sent, int /*version*/, int type, const void* bytes,
               size_t /*size*/, SSL* ssl, void* limit) {
  if (is_sent != 0 || type != SSL3_RT_HEADER) return;
  const auto* const header = static_cast<const uint8_t*>(bytes);
  // It waits for the first ClientHello, or for the second one: in that state it
  // may also wait for what is encrypted, whose records have another type. In
  // records with the rest of a ClientHello its state is a third one.
  const OSSL_HANDSHAKE_STATE state = SSL_get_state(ssl);
  const bool waits = state == TLS_ST_BEFORE || state == TLS_ST_EARLY_DATA;
  if (!waits || header[0] != SSL3_RT_HANDSHAKE) return;
  static_cast<HelloLimit*>(limit)->Expect(size_t{header[3]} << 8 | header[4]);
}

}  // namespace

void HelloLimit::Expect(size_t bytes) {
  missing_ = sizeof(header_);
  if (bytes < missing_) exceeded_ = true;
}

bool HelloLimit::Admits(absl::string_view bytes) {
  for (; missing_ > 0 && !bytes.empty(); bytes.remove_prefix(1)) {
    header_ = header_ << 8 | static_cast<uint8_t>(bytes.front());
    if (--missing_ > 0) continue;
    exceeded_ |=
        header_ >> 24 != kClientHello || (header_ & 0xFF'FFFF) > kMaxBytes;
  }
  return !exceeded_;
}

void WatchForHellos(SSL* ssl, HelloLimit& limit) {
  SSL_set_msg_callback(ssl, OnMessage);
  SSL_set_msg_callback_arg(ssl, &limit);
}

}  // namespace tcptool::dataplane
