// Whether the kernel can encrypt TLS by itself (kTLS), so that sendfile(2) goes
// on.
#ifndef TCPTOOL_DATAPLANE_TLS_KERNEL_TLS_H_
#define TCPTOOL_DATAPLANE_TLS_KERNEL_TLS_H_

#include <cstdint>

namespace tcptool::dataplane {

// Whether this kernel has it ("modprobe tls") and OpenSSL uses it: tried once
// in this process, on a connection of its own over loopback. Any thread; the
// first call makes a few system calls.
bool HasKernelTls();

// Has a connected TCP socket take the keys of TLS, once there are some. False:
// it does not.
bool PrepareKernelTls(int socket);

// How many records the kernel has encrypted with the key that `socket` sends
// by: the next one's number, as the kernel tells it with the key. Those that
// TCP has not got yet are among them, one that is still being filled is not.
// -errno: the kernel has no key, or does not tell.
int64_t KernelTlsRecords(int socket);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_KERNEL_TLS_H_
