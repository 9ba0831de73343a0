// Checks a reception's spec, and translates it to options of the data plane.
#ifndef TCPTOOL_SERVER_API_RECEPTION_SPEC_H_
#define TCPTOOL_SERVER_API_RECEPTION_SPEC_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/base/sha256.h"
#include "dataplane/dialing/dialer.h"
#include "dataplane/receiving/reception.h"
#include "dataplane/receiving/sender_upstream.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// To receive from other nodes.
struct NodePlan {
  struct Node {
    dataplane::DialTarget target;  // Its peer address.
    // "sessions/...", "receptions/..." or "distributions/...".
    std::string name;
    // The DNS name that the certificate on its data port must have. Empty: it
    // must be one for target.host.
    std::string certificate_name;
  };
  std::vector<Node> nodes;  // At least one, the preferred one first.
  bool start = false;       // "I am the last, start now".
  absl::Duration wait;      // How long to go on trying.
  absl::Duration dead_timeout;
  // What tells this reception from all others.
  std::string id;
  std::string reception;  // "receptions/{reception}".
};

struct ReceptionPlan {
  // All but the destination's directory and id.
  dataplane::ReceptionOptions options;
  // One of the three is used: `nodes` if it is set, but for its id and its
  // name; an upload to this node; or else `sender`.
  dataplane::SenderOptions sender;
  std::optional<NodePlan> nodes;
  bool is_upload = false;
  // Of the destination, relative to its root: where the directory is. "." is
  // the root itself.
  std::string directory;
};

// Checks `spec`, and fills in its defaults. Does not look for the destination.
// INVALID_ARGUMENT names the fields that are wrong.
absl::StatusOr<ReceptionPlan> ToReceptionPlan(v1::ReceptionSpec& spec);

// None: it is not 64 hexadecimal digits, upper or lower case.
std::optional<dataplane::Digest> ToDigest(const std::string& hex);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_RECEPTION_SPEC_H_
