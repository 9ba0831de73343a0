// Makes distributions.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_CREATION_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_CREATION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/random/random.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/fleet/etcd/etcd_calls.h"
#include "server/fleet/service/api.h"
#include "server/fleet/service/seen_revisions.h"
#include "server/fleet/state/fleet_state.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::fleet {

// Writes the spec and, of a request with an id, which distribution it has made,
// in one transaction, which does nothing if either is there. So the same
// request makes one distribution, whichever nodes it is sent to, and a
// transaction whose outcome is not known is simply made again.
//
// All is on one thread. The references outlive whatever `seen` and `etcd` still
// call.
class DistributionCreation {
 public:
  using Done = std::function<void(absl::StatusOr<api::Distribution>)>;

  // Of the fleet. Nodes that make some at once may go beyond them by what each
  // has not seen of the others yet.
  static constexpr size_t kMaxDistributions = 1000;
  static constexpr size_t kMaxRequests = 10'000;  // Ids, each for an hour.

  // `node`: the name of this one, which takes uploads.
  DistributionCreation(EtcdCalls* etcd, const FleetState& state,
                       std::string node, SeenRevisions& seen)
      : etcd_(etcd), state_(state), node_(std::move(node)), seen_(seen) {}

  // `creator`: Distribution.creator.
  void Create(const api::CreateDistributionRequest& request,
              const std::string& creator, absl::Time now, Done done);

 private:
  struct Creation;
  using Shared = std::shared_ptr<Creation>;

  // What Create() answers with validate_only.
  absl::StatusOr<api::Distribution> Validate(const Creation& creation) const;
  void GrantLease(const Shared& creation);
  void Write(const Shared& creation);
  etcdserverpb::TxnRequest Transaction(const Creation& creation) const;
  // Why nothing is made; OK: it may be.
  absl::Status CheckRoom(const Creation& creation) const;
  void Written(const Shared& creation,
               const absl::StatusOr<etcdserverpb::TxnResponse>& response);
  // Something of it is there already.
  void Refused(const Shared& creation,
               const etcdserverpb::TxnResponse& response);
  // The request has made a distribution before.
  void AnswerAgain(const Shared& creation,
                   const etcdserverpb::KeyValue& request);
  // With the distribution, once the node has seen it.
  void Answer(const Shared& creation, const std::string& id,
              const v1::DistributionSpec& spec, int64_t create_revision);
  // The lease has no key.
  void Fail(const Shared& creation, const absl::Status& status);

  EtcdCalls* const etcd_;
  const FleetState& state_;
  const std::string node_;
  SeenRevisions& seen_;
  absl::BitGen random_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTION_CREATION_H_
