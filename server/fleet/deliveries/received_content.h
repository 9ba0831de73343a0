// A distribution's content that this node receives.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_RECEIVED_CONTENT_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_RECEIVED_CONTENT_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/api/reception_spec.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/parent_moves.h"
#include "server/receptions/reception_manager.h"
#include "server/watch/reception_table.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::fleet {

// A reception of a certain name, which an earlier run of the process may have
// begun: that goes on, or has succeeded; one that has ended otherwise is
// deleted and begun anew. All is on the thread of `io`.
class ReceivedContent : public std::enable_shared_from_this<ReceivedContent> {
 public:
  struct Service {
    std::weak_ptr<asio::io_context> io;
    server::ReceptionManager& receptions;
    const server::ReceptionTable& table;
    const server::DistributedContents& places;
    server::ParentMoves& moves;
  };

  // `request` has the reception's id, and all of its spec but the nodes; those
  // of an upload, all of it.
  ReceivedContent(Service service, tcptool::v1::CreateReceptionRequest request,
                  std::string distribution, std::vector<SendingNode> nodes,
                  DeliveryPort::OnProgress progress);
  // As DeliveryPort::ReceiveUpload(): the reception begins with its upload.
  static std::shared_ptr<ReceivedContent> OfUpload(
      Service service, tcptool::v1::CreateReceptionRequest request,
      std::string distribution, bool was_begun,
      DeliveryPort::OnProgress progress);

  // What a reception of it has come to.
  static DeliveryProgress ProgressOf(const tcptool::v1::Reception& reception);

  // Looks how far it is, and tells. To be called again and again. `may_begin`:
  // a reception may be made; if not, it waits for its turn, unless there is
  // one.
  void Look(bool may_begin);

  // A reception of it goes on, or is about to be made.
  bool is_under_way() const;

  // From whom it is received from now on. None at the beginning alone: what is
  // there of it is shown, and nothing is made until there are some.
  void SetNodes(std::vector<SendingNode> nodes);

  // As DeliveryPort::TakeRate().
  std::optional<ReceivedRate> TakeRate();

  // As DeliveryPort::Received().
  std::optional<ReceivedBytes> Received() const;

  // Nothing is told any more. `done`, once no reception will be made any more.
  void Leave(std::function<void()> done);

 private:
  using Clock = std::chrono::steady_clock;

  void LookAt(const tcptool::v1::Reception& reception);
  // The address, of one whose name is not known.
  std::string NameOfNode(const std::string& address) const;
  // Those that came since the last look.
  void TakeMoves();
  // It is DELIVERED: whether it is still given to others.
  void LookAfter();
  void WaitForTurn();
  void Create();
  // One of an earlier try.
  void Delete();
  // What an earlier run of the process had of an upload is lost, and nobody has
  // it a second time.
  DeliveryProgress UploadLost() const;
  // What was asked for is answered.
  void Answered(const absl::Status& status);
  // It is WAITING; empty: as it does in order.
  void TellWaiting(std::string detail);
  void Tell(DeliveryProgress progress);

  const Service service_;
  tcptool::v1::CreateReceptionRequest request_;
  const std::string name_;
  const std::string distribution_;
  std::vector<server::NodePlan::Node> nodes_;
  // The names of those that it was to be received from, by their addresses.
  std::map<std::string, std::string> names_;
  std::deque<v1::ParentMove> moves_;  // The last ones.
  bool has_news_ = false;  // Besides the state, which were not told yet.
  const DeliveryPort::OnProgress progress_;
  bool is_upload_ = false;
  bool upload_was_begun_ = false;  // By an earlier run of the process.
  bool is_there_ = false;          // It was made, or found, and has begun.
  bool is_asking_ = false;         // For one to be made, or to be deleted.
  bool is_over_ = false;
  bool waits_for_turn_ = false;
  std::function<void()> on_answer_;  // After Leave().
  Clock::time_point next_try_;
  DeliveryProgress told_{.state = v1::DELIVERY_STATE_UNSPECIFIED};
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_RECEIVED_CONTENT_H_
