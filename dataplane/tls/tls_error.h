// What OpenSSL says has failed.
#ifndef TCPTOOL_DATAPLANE_TLS_TLS_ERROR_H_
#define TCPTOOL_DATAPLANE_TLS_TLS_ERROR_H_

#include <openssl/types.h>

#include <string>

namespace tcptool::dataplane {

// The last of the thread's errors of OpenSSL, which was one of `ssl`, in words
// for people; forgets them all.
std::string TakeTlsError(const SSL* ssl);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_TLS_ERROR_H_
