#include "dataplane/tls/kernel_tls.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/opensslconf.h>
#include <sys/socket.h>

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

}  // namespace tcptool::dataplane
