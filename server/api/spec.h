// Checks a session's spec, and translates it to options of the data plane.
#ifndef TCPTOOL_SERVER_API_SPEC_H_
#define TCPTOOL_SERVER_API_SPEC_H_

#include <asio/ip/address.hpp>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/session/session_options.h"
#include "server/api/encryption.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// What this node allows in a spec.
struct SpecRules {
  asio::ip::address data_address;
  // What recipients are told to connect to; empty: an address of this host's.
  std::string advertise_address;
  uint16_t first_port = 0;
  uint16_t last_port = 0;
  int32_t max_recipients = 0;
  DataTlsRules data_tls;
};

// Checks `spec`, fills in its defaults, and returns the options for the data
// plane. Port 0 stays 0. Does not check whether the file exists.
// INVALID_ARGUMENT names the fields that are wrong. FAILED_PRECONDITION: the
// node cannot encrypt as the spec asks for.
absl::StatusOr<dataplane::SessionOptions> ToOptions(const SpecRules& rules,
                                                    v1::SessionSpec& spec);

// The same of a spec that was `before`, where UpdateSession has changed it:
// only the fields that it can change are looked at, and only the options that
// these give are set. INVALID_ARGUMENT as well if something has shrunk that may
// only grow.
absl::StatusOr<dataplane::SessionOptions> ToChangedOptions(
    const SpecRules& rules, const v1::SessionSpec& before,
    v1::SessionSpec& spec);

// Gives those that a new session expects the numbers of their records: from 1.
void NumberExpected(v1::SessionSpec& spec);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_SPEC_H_
