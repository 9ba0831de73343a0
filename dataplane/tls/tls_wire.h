// What OpenSSL reads a connection by, and writes it by.
#ifndef TCPTOOL_DATAPLANE_TLS_TLS_WIRE_H_
#define TCPTOOL_DATAPLANE_TLS_TLS_WIRE_H_

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>

#include "dataplane/lanes/socket_api.h"
#include "dataplane/tls/hello_limit.h"
#include "dataplane/tls/record_queue.h"

namespace tcptool::dataplane {

// What is written goes into `queue`; a flush, as at the end of each flight of
// the handshake, hands that to the kernel. Where the kernel encrypts, alerts go
// to it at once, and nothing else: it has no way to take the new keys that a
// peer asks for.
struct TlsWire {
  SocketApi& sockets;
  int socket;
  RecordQueue queue{};
  // How many more bytes the running operation may read. At 0 it is told that
  // there are none at the moment: OpenSSL goes on by itself with records that
  // have no content, for as long as there are some.
  size_t budget = 0;
  size_t input = 0;  // Bytes read.
  // Once this is exceeded, operations fail.
  HelloLimit hello{};
  uint64_t alerts = 0;  // Bytes of those that the kernel encrypts.
  bool new_keys_refused = false;
  int error = 0;                // -errno, of the socket.
  bool peer_has_ended = false;  // Its FIN was read.
  // The handshake is done: a flush that the kernel has no room for is no reason
  // to wait.
  bool is_ready = false;

  // For SSL_set_bio(). This outlives it, and does not move. Null: no memory.
  BIO* NewBio();
};

// Whether an error of send(2), as -errno, says that the kernel has no room, or
// no memory, at the moment.
bool HasNoRoom(int error);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_TLS_WIRE_H_
