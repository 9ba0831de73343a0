// What the control port and the status page ask of the fleet that the node is
// in.
#ifndef TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTIONS_H_
#define TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTIONS_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fleet/service/api.h"
#include "server/fleet/service/distribution_overview.h"
#include "server/fleet/service/distribution_table.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool::fleet {

// distribution_service.proto describes the methods. Requests are those that
// CheckRequest() accepts. Any thread may call any method; none blocks, and
// `done` is called once, on any thread.
class Distributions {
 public:
  template <typename Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  virtual ~Distributions() = default;

  virtual void Create(const api::CreateDistributionRequest& request,
                      const std::string& creator,
                      Done<api::Distribution> done) = 0;
  virtual void Cancel(const api::CancelDistributionRequest& request,
                      Done<api::Distribution> done) = 0;
  virtual void Retry(const api::RetryDistributionRequest& request,
                     Done<api::Distribution> done) = 0;
  virtual void Delete(const api::DeleteDistributionRequest& request,
                      std::function<void(const absl::Status&)> done) = 0;
  virtual void GetDelivery(const api::GetDeliveryRequest& request,
                           Done<api::Delivery> done) = 0;
  virtual void ListDeliveries(const api::ListDeliveriesRequest& request,
                              Done<api::ListDeliveriesResponse> done) = 0;
  virtual void GetNode(const api::GetFleetNodeRequest& request,
                       Done<api::FleetNode> done) = 0;
  virtual void ListNodes(const api::ListNodesRequest& request,
                         Done<api::ListNodesResponse> done) = 0;

  // The name of the reception by which this node receives the upload of
  // "distributions/{distribution}"; which may begin later. FAILED_PRECONDITION:
  // as UploadDistribution says, but for what is known to the reception alone.
  virtual void FindUpload(const std::string& name, Done<std::string> done) = 0;

  // Of "distributions/{distribution}". What it takes grows with the number of
  // targets: whoever has it made for strangers asks for one at a time.
  // NOT_FOUND: no such distribution. UNAVAILABLE: as of the other methods.
  virtual void GetOverview(const std::string& name,
                           Done<DistributionOverview> done) = 0;

  // For Get, List and Watch. Lives as long as this.
  virtual const DistributionTable& table() const = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_SERVICE_DISTRIBUTIONS_H_
