// When a certificate is valid.
#ifndef TCPTOOL_DATAPLANE_TLS_VALIDITY_H_
#define TCPTOOL_DATAPLANE_TLS_VALIDITY_H_

#include <openssl/types.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tcptool::dataplane {

// FAILED_PRECONDITION, "NAME has expired on ..." and what to do: the
// certificate that connections of `context` show has expired, or is not valid
// yet, by this host's clock. Peers may refuse it. OK also if it has none.
absl::Status CheckIsValidNow(const SSL_CTX& context, absl::string_view name);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_VALIDITY_H_
