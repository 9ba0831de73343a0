// Other nodes as a reception's source.
#ifndef TCPTOOL_SERVER_PEERS_PEER_UPSTREAM_H_
#define TCPTOOL_SERVER_PEERS_PEER_UPSTREAM_H_

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/receiving/upstream.h"
#include "server/api/reception_spec.h"
#include "server/peers/follow_clients.h"
#include "server/peers/parent_link.h"
#include "server/peers/parent_moves.h"

namespace tcptool::server {

// They have the content from any offset: what is lost is fetched again from
// where it was lost, from the node or from another one that has the content.
class PeerUpstream : public dataplane::Upstream {
 public:
  // `clients` and `moves` outlive it.
  PeerUpstream(NodePlan plan, FollowClients& clients, ParentMoves& moves,
               const ParentLink::Timing& timing = ParentLink::Timing())
      : link_(std::make_shared<ParentLink>(std::move(plan), clients, moves,
                                           timing)) {}

  bool resumable() const override { return true; }
  void Open(dataplane::ContentClaims& claims) override { link_->Open(claims); }
  void Connect(dataplane::Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done) override {
    link_->Connect(lane, offset, lost, std::move(done));
  }
  dataplane::Route route() const override { return link_->route(); }
  void Cancel() override { link_->Cancel(); }

  // What calls ParentLink::SetNodes(), for as long as this is there.
  std::function<void(std::vector<NodePlan::Node>)> node_setter() const {
    return [weak = std::weak_ptr(link_)](std::vector<NodePlan::Node> nodes) {
      if (const auto link = weak.lock()) link->SetNodes(std::move(nodes));
    };
  }

 private:
  const std::shared_ptr<ParentLink> link_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_UPSTREAM_H_
