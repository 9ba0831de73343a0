// The names in a certificate.
#ifndef TCPTOOL_DATAPLANE_TLS_CERTIFICATE_NAMES_H_
#define TCPTOOL_DATAPLANE_TLS_CERTIFICATE_NAMES_H_

#include <openssl/types.h>

#include <string>
#include <vector>

namespace tcptool::dataplane {

// The subject's common name, and the DNS names and the URIs of the alternative
// names, in this order, as "cn:NAME", "dns:NAME" and "uri:NAME".
std::vector<std::string> CertificateNames(const X509& certificate);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_TLS_CERTIFICATE_NAMES_H_
