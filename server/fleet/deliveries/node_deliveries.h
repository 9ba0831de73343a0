// What a daemon does with contents of distributions.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_NODE_DELIVERIES_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_NODE_DELIVERIES_H_

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/fleet/deliveries/offered_file.h"
#include "server/fleet/deliveries/received_content.h"
#include "server/fleet/deliveries/served_contents.h"
#include "server/fleet/follower/delivery_port.h"
#include "server/peers/distributed_contents.h"
#include "server/peers/parent_moves.h"
#include "server/peers/peer_contents.h"
#include "server/receptions/reception_manager.h"
#include "server/sessions/session_manager.h"
#include "server/watch/reception_table.h"
#include "server/watch/session_table.h"

namespace tcptool::fleet {

// Receives by receptions, which are shown as all others are, and have the label
// kLabel. Their names come from the distributions', so that the next run of the
// process finds them again. Other nodes find what is received or offered here
// as "distributions/{distribution}"; recipients that are no nodes are served by
// sessions, which have the label and such names as well.
//
// All is on the thread of `io`.
class NodeDeliveries final : public DeliveryPort {
 public:
  static constexpr char kLabel[] = "tcptool/distribution";

  // `receptions`, `sessions` and their tables outlive what is asked of them;
  // the others are shared with that, or outlive this.
  struct Service {
    // What is answered later is posted to it.
    std::shared_ptr<asio::io_context> io;
    server::ReceptionManager& receptions;
    const server::ReceptionTable& table;
    server::SessionManager& sessions;
    const server::SessionTable& session_table;
    std::shared_ptr<server::PeerContents> contents;
    // Which `contents` looks into.
    server::DistributedContents& places;
    // Which those that receive for `receptions` add to.
    server::ParentMoves& moves;
  };

  // `most`: how many are received at a time; the others wait, those that were
  // made earlier come first.
  NodeDeliveries(Service service, std::string fleet, size_t most);
  // What is received goes on.
  ~NodeDeliveries() override;
  NodeDeliveries(const NodeDeliveries&) = delete;
  NodeDeliveries& operator=(const NodeDeliveries&) = delete;

  void KeepOnly(const std::set<DeliveryId>& ids) override;
  void Receive(const DeliveryId& id, const v1::DistributionSpec& spec,
               std::vector<SendingNode> nodes, bool was_delivered,
               OnProgress progress) override;
  void ReceiveUpload(const DeliveryId& id, const v1::DistributionSpec& spec,
                     bool was_begun, OnProgress progress) override;
  void Reparent(const DeliveryId& id, std::vector<SendingNode> nodes) override;
  std::optional<ReceivedRate> TakeRate(const DeliveryId& id) override;
  std::optional<ReceivedBytes> Received(const DeliveryId& id) const override;
  void Offer(const DeliveryId& id, const v1::FileSource& file,
             OnProgress progress) override;
  void Limit(const DeliveryId& id, const SendingLimits& limits) override;
  void KeepServed(const std::set<DeliveryId>& ids) override;
  void SetNodeCount(size_t nodes) override { served_.SetNodeCount(nodes); }
  void Serve(const DeliveryId& id, const v1::DistributionSpec& spec,
             const v1::Content* source, OnServing serving) override;
  void EndServing(const DeliveryId& id) override;
  void Release(const DeliveryId& id) override;
  void Cancel(const DeliveryId& id, OnProgress kept) override;

  // "receptions/{reception}" of a distribution.
  std::string NameOf(const DeliveryId& id) const;
  // "sessions/{session}" of it.
  std::string SessionNameOf(const DeliveryId& id) const;

 private:
  // A reception that is to end.
  struct Cancelled {
    bool is_asked = false;  // An answer is awaited.
    OnProgress kept;        // As of Cancel(); may be null.
  };

  // The last part of both.
  std::string IdOf(const DeliveryId& id) const;
  // Of a reception, without its source.
  tcptool::v1::CreateReceptionRequest RequestFor(
      const DeliveryId& id, const v1::DistributionSpec& spec,
      bool may_replace) const;
  void Begin(const DeliveryId& id, std::shared_ptr<ReceivedContent> content);
  ReceivedContent::Service ServiceForOne() const;
  // Until the reception is not there any more, or is final.
  void AskToCancel(const std::string& name);
  void OnCancelled(const std::string& name,
                   const absl::StatusOr<tcptool::v1::Reception>& reception);
  void LookLater();
  void Look();
  void LookAtReceived();

  const Service service_;
  const std::string fleet_;
  const size_t most_;
  std::map<DeliveryId, std::shared_ptr<ReceivedContent>> received_;
  std::map<DeliveryId, std::shared_ptr<OfferedFile>> offered_;
  ServedContents served_;
  // By the receptions' names.
  std::map<std::string, Cancelled> cancelled_;
  asio::steady_timer timer_;
  bool is_waiting_ = false;
  // Gone with this: for what is called later.
  const std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_NODE_DELIVERIES_H_
