// The keys of a fleet in etcd.
#ifndef TCPTOOL_SERVER_FLEET_STATE_FLEET_KEYS_H_
#define TCPTOOL_SERVER_FLEET_STATE_FLEET_KEYS_H_

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tcptool::fleet {

// Whether a fleet, a node or a distribution may be called so: 1 to 64 of a-z,
// A-Z, 0-9, '.', '-' and '_', the first a letter or a digit.
bool IsFleetName(absl::string_view name);

// What a key is for. `distribution` and `node` are empty where it has none.
struct FleetKey {
  enum class Kind {
    kNode,
    kCoordinator,
    kSpec,
    kHead,
    kEdge,
    kDelivery,
    kCancel,
    kRequest,  // Has neither of the two names.
  };
  Kind kind;
  std::string distribution;
  std::string node;
};

// All keys of one fleet; fleet.proto has their values:
//
//   /tcptool/v1/FLEET/nodes/NODE
//   /tcptool/v1/FLEET/coordinator
//   /tcptool/v1/FLEET/requests/REQUEST
//   /tcptool/v1/FLEET/distributions/D/spec
//   /tcptool/v1/FLEET/distributions/D/head
//   /tcptool/v1/FLEET/distributions/D/cancel
//   /tcptool/v1/FLEET/distributions/D/edges/NODE
//   /tcptool/v1/FLEET/distributions/D/deliveries/NODE
//
// Names that are given to it have to be IsFleetName().
class FleetKeys {
 public:
  // INVALID_ARGUMENT: the fleet cannot be called so.
  static absl::StatusOr<FleetKeys> Create(absl::string_view fleet);

  const std::string& fleet() const { return fleet_; }
  // What all of them begin with.
  const std::string& prefix() const { return prefix_; }

  std::string Node(absl::string_view node) const;
  std::string Coordinator() const;
  // `request_id`: any text.
  std::string Request(absl::string_view request_id) const;
  // What all keys of a distribution begin with.
  std::string Distribution(absl::string_view distribution) const;
  std::string Spec(absl::string_view distribution) const;
  std::string Head(absl::string_view distribution) const;
  std::string Cancel(absl::string_view distribution) const;
  std::string Edge(absl::string_view distribution,
                   absl::string_view node) const;
  std::string Delivery(absl::string_view distribution,
                       absl::string_view node) const;

  // None for a key of another fleet, or that a later version has added.
  std::optional<FleetKey> Parse(absl::string_view key) const;

 private:
  explicit FleetKeys(absl::string_view fleet);

  std::string fleet_;
  std::string prefix_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_FLEET_KEYS_H_
