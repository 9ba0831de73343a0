#include "dataplane/tls/kernel_tls.h"

#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/opensslconf.h>
#include <sys/socket.h>

#include <cerrno>

#include "dataplane/base/unique_fd.h"

namespace tcptool::dataplane {
namespace {

// The kernel takes it for connections only.
bool IsTakenByAConnection() {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const UniqueFd connection(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET,
                      .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  return bind(listener.get(), any, size) == 0 &&
         listen(listener.get(), 1) == 0 &&
         getsockname(listener.get(), any, &size) == 0 &&
         connect(connection.get(), any, size) == 0 &&
         PrepareKernelTls(connection.get());
}

// The options of a direction of TLS, as the kernel tells them.
template <typename Options>
int64_t NextRecord(int socket) {
  Options options{};
  socklen_t size = sizeof options;
  const bool is_told =
      getsockopt(socket, SOL_TLS, TLS_TX, &options, &size) == 0;
  const int error = errno;
  uint64_t number = 0;
  for (const unsigned char byte : options.rec_seq) number = number << 8 | byte;
  OPENSSL_cleanse(&options, sizeof options);  // The key is in it.
  return is_told ? static_cast<int64_t>(number) : -error;
}

}  // namespace

bool HasKernelTls() {
#ifdef OPENSSL_NO_KTLS
  return false;
#else
  static const bool has = IsTakenByAConnection();
  return has;
#endif
}

bool PrepareKernelTls(int socket) {
  static constexpr char kName[] = "tls";
  return setsockopt(socket, IPPROTO_TCP, TCP_ULP, kName, sizeof kName) == 0;
}

int64_t KernelTlsRecords(int socket) {
  tls_crypto_info cipher{};
  socklen_t size = sizeof cipher;
  if (getsockopt(socket, SOL_TLS, TLS_TX, &cipher, &size) < 0) return -errno;
  switch (cipher.cipher_type) {
    case TLS_CIPHER_AES_GCM_128:
      return NextRecord<tls12_crypto_info_aes_gcm_128>(socket);
    case TLS_CIPHER_AES_GCM_256:
      return NextRecord<tls12_crypto_info_aes_gcm_256>(socket);
    case TLS_CIPHER_CHACHA20_POLY1305:
      return NextRecord<tls12_crypto_info_chacha20_poly1305>(socket);
    default:
      return -EOPNOTSUPP;
  }
}

}  // namespace tcptool::dataplane
