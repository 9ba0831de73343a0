// What OpenSSL gets of what a client sends.
#ifndef TCPTOOL_SERVER_FRONT_TLS_INTAKE_H_
#define TCPTOOL_SERVER_FRONT_TLS_INTAKE_H_

#include <openssl/types.h>

#include <cstddef>

#include "dataplane/tls/hello_limit.h"

namespace tcptool::server {

struct TlsIntake {
  // How many more bytes the running operation may read from the socket. At 0 it
  // is told that there are none at the moment.
  size_t budget = 0;
  // Once this is exceeded, an operation fails.
  dataplane::HelloLimit hello;
};

// A server's end of TLS over `fd`, which stays the caller's, for SSL_free().
// `intake` outlives it. SSL_set_msg_callback(ssl, nullptr) ends the watch for
// ClientHellos, as there are none after the handshake.
SSL* NewServer(int fd, TlsIntake& intake, SSL_CTX* tls);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_TLS_INTAKE_H_
