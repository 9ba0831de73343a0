// What the tests of a node's deliveries share: a node that receives from
// senders of the wire protocol, in this process.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_DELIVERIES_RECEIVING_NODE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_DELIVERIES_RECEIVING_NODE_H_

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/sender_upstream.h"
#include "server/fleet/deliveries/node_deliveries.h"
#include "tests/server/peers/serving_node.h"

namespace tcptool::fleet {

using dataplane::ScriptedSender;
using dataplane::TheContent;
using server::PeerContents;

// Receives "from nodes" what a sender of the wire protocol, at the address of
// the first node, has: these tests are not about how nodes send.
inline server::LiveReceptions::NodeUpstream FromSender(
    const server::NodePlan& plan) {
  return {.upstream = std::make_unique<dataplane::SenderUpstream>(
              dataplane::SenderOptions{.target = plan.nodes.front().target})};
}

class NodeDeliveriesTest : public server::ServingNode {
 protected:
  // `deadline`: of the roots, see ContentRoots.
  explicit NodeDeliveriesTest(
      absl::Duration deadline = server::ContentRoots::kDeadline)
      : ServingNode({.new_node_upstream = FromSender}, deadline) {
    PeerContents::Service service = parts();
    service.distributions = &places_;
    contents_ = std::make_shared<PeerContents>(service);
    Begin();
  }
  ~NodeDeliveriesTest() override {
    deliveries_.reset();
    contents_->Stop();
  }

  // As a run of the process does, on what the one before has left; `most`: how
  // many are received at a time.
  void Begin(size_t most = 100) {
    deliveries_.emplace(NodeDeliveries::Service{.io = io_,
                                                .receptions = *manager_,
                                                .table = *table_,
                                                .sessions = *sessions_,
                                                .session_table = session_table_,
                                                .contents = contents_,
                                                .places = places_,
                                                .moves = moves_},
                        "lab", most);
  }

  static v1::DistributionSpec Spec(const std::string& path = "copy") {
    v1::DistributionSpec spec;
    spec.set_destination_root("disk");
    spec.set_destination_path(path);
    return spec;
  }
  void Receive(const ScriptedSender& sender,
               const v1::DistributionSpec& spec = Spec(),
               bool was_delivered = false) {
    deliveries_->Receive(id_, spec,
                         {{"n1", absl::StrCat("127.0.0.1:", sender.port())}},
                         was_delivered, Remember());
  }
  DeliveryPort::OnProgress Remember() {
    return [this](const DeliveryProgress& progress) {
      states_.push_back(progress.state);
      last_ = progress;
    };
  }
  // Runs until this holds.
  void RunUntil(const std::function<bool()>& holds) {
    const absl::Time end = absl::Now() + dataplane::kDeadline;
    while (!holds()) {
      if (absl::Now() > end) {
        ADD_FAILURE() << "It is " << last_.state << " " << last_.detail;
        return;
      }
      io_->restart();
      io_->run_one_for(std::chrono::milliseconds(10));
    }
  }
  void RunUntilState(v1::DeliveryState state) {
    RunUntil([&] { return last_.state == state; });
  }
  std::string name() const { return deliveries_->NameOf(id_); }
  bool IsReception(tcptool::v1::ReceptionState state) const {
    const auto reception = table_->Get(name());
    return reception.ok() && reception->state() == state;
  }
  void Send(ScriptedSender& sender, const std::string& content) {
    ASSERT_EQ(sender.AcceptAndReadByte(), 0);
    ASSERT_TRUE(sender.Send(content));
    sender.End();
  }

  const DeliveryId id_ = {.distribution = "images-v2", .revision = 7};
  server::DistributedContents places_;
  server::ParentMoves moves_;
  const std::shared_ptr<asio::io_context> io_ =
      std::make_shared<asio::io_context>();
  std::shared_ptr<PeerContents> contents_;
  std::optional<NodeDeliveries> deliveries_;
  std::vector<v1::DeliveryState> states_;
  DeliveryProgress last_{.state = v1::DELIVERY_STATE_UNSPECIFIED};
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_DELIVERIES_RECEIVING_NODE_H_
