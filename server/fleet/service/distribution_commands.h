// Carries out what changes a distribution that is there.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_COMMANDS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_COMMANDS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/service/distribution_steps.h"
#include "server/fleet/service/seen_revisions.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {

// A command makes its step from what the node has seen; where etcd refuses it,
// as that has changed, or has not told its outcome, it is made anew once the
// node has seen what there is. All is on one thread. The references outlive
// whatever `seen` and `etcd` still call.
class DistributionCommands {
 public:
  struct Command {
    std::string id;
    std::string etag;  // Empty: whatever it is.
    // Of a distribution that has a spec.
    std::function<absl::StatusOr<std::optional<DistributionStep>>(
        const Distribution&)>
        step;
    bool deletes = false;
    // OK: it is carried out, or there was nothing to be done. NOT_FOUND,
    // ABORTED, and the errors of EtcdErrorForClient().
    std::function<void(const absl::Status&)> done;

    int tries = 0;  // That were refused, or whose outcome is not known.
    bool is_unknown = false;  // Of one of them.
  };

  DistributionCommands(EtcdCalls* etcd, const FleetState& state,
                       SeenRevisions& seen)
      : etcd_(etcd), state_(state), seen_(seen) {}

  void Run(Command command);

 private:
  using Shared = std::shared_ptr<Command>;

  void Step(const Shared& command);
  absl::Status CheckEtag(const Command& command,
                         const Distribution& distribution) const;
  void Write(const Shared& command, DistributionStep step);
  void Failed(const Shared& command, const absl::Status& status);
  // Once the node has seen what etcd has now.
  void StepAfterRead(const Shared& command);
  void StepAgain(const Shared& command, int64_t revision);

  EtcdCalls* const etcd_;
  const FleetState& state_;
  SeenRevisions& seen_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_COMMANDS_H_
