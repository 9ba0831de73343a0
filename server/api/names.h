// The names of sessions, of their recipients, of receptions, of distributions
// and their deliveries, and of a fleet's nodes (AIP-122).
#ifndef TCPTOOL_SERVER_API_NAMES_H_
#define TCPTOOL_SERVER_API_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

// Whether `id` may be the last part of the name of one of these: 1 to 63
// characters of a-z, 0-9 and '-', the first a letter, the last no '-'.
bool IsResourceId(absl::string_view id);

// Whether it is "sessions/{session}", "receptions/{reception}", or
// "distributions/{distribution}".
bool IsSessionName(absl::string_view name);
bool IsReceptionName(absl::string_view name);
bool IsDistributionName(absl::string_view name);

// A name that the service chooses: one of 30^9.
std::string RandomSessionName(absl::BitGenRef random);
std::string RandomReceptionName(absl::BitGenRef random);
std::string RandomDistributionName(absl::BitGenRef random);

// A random UUID (RFC 9562, version 4).
std::string RandomUid(absl::BitGenRef random);

// The number in "sessions/{session}/recipients/{number}"; none for another
// form. Only the canonical form of a number is accepted, so that each recipient
// has one name.
std::optional<uint64_t> RecipientNumber(absl::string_view name);

// The "sessions/{session}" of a recipient's name.
std::string SessionOf(absl::string_view recipient_name);

// The parts of "distributions/{distribution}/deliveries/{node}"; none for
// another form. No fleet can have a node whose name is longer than 64 bytes.
struct DeliveryName {
  std::string distribution;  // "distributions/{distribution}".
  std::string node;
};
std::optional<DeliveryName> ParseDeliveryName(absl::string_view name);

// The node in "nodes/{node}"; none for another form.
std::optional<std::string> ParseFleetNodeName(absl::string_view name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_NAMES_H_
