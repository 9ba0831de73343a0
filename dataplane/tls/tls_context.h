// What all connections of one end share: its certificate, and whom it trusts.
#ifndef TCPTOOL_DATAPLANE_TLS_TLS_CONTEXT_H_
#define TCPTOOL_DATAPLANE_TLS_TLS_CONTEXT_H_

#include <openssl/types.h>

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/tls/pem.h"

namespace tcptool::dataplane {

// Contexts for TlsConnection: TLS 1.3 alone, AES-128-GCM if both ends have it;
// no early data, no session tickets. A thread may use one while others do.
// INVALID_ARGUMENT names the text that is not what it should be.
//
// `client_authorities`: those who may have signed clients' certificates, which
// are asked for; a client may have none, unless
// TlsConnection::RequireCertificate() says otherwise. Without a text no client
// is asked.
//
// `in_kernel`: on connections whose kernel can, it is the kernel that encrypts
// what is sent, with one key: they end after 23 million records.
absl::StatusOr<std::shared_ptr<SSL_CTX>> NewServerContext(
    const TlsIdentity& identity, const PemText& client_authorities,
    bool in_kernel = false);

// `authorities`: those who may have signed the server's certificate; without a
// text, the system's. `identity`: what the server is shown if it asks; its
// texts may be empty.
absl::StatusOr<std::shared_ptr<SSL_CTX>> NewClientContext(
    const PemText& authorities, const TlsIdentity& identity);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_TLS_CONTEXT_H_
