// A port that does nothing but remember what it was asked for.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_TEST_PORT_H_
#define TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_TEST_PORT_H_

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/fleet/follower/delivery_port.h"

namespace tcptool::fleet {

class TestPort : public DeliveryPort {
 public:
  struct Content {
    std::vector<SendingNode> nodes;  // Empty: it is offered, or uploaded.
    bool was_delivered = false;
    bool is_upload = false;
    bool was_begun = false;  // If it is uploaded.
    OnProgress progress;
    std::vector<SendingLimits> limits;  // All, the last one in force.
  };

  struct Served {
    std::optional<v1::Content> source;
    OnServing tell;
  };

  void KeepOnly(const std::set<DeliveryId>& ids) override {
    kept.push_back(ids);
  }
  void Receive(const DeliveryId& id, const v1::DistributionSpec& /*spec*/,
               std::vector<SendingNode> nodes, bool was_delivered,
               OnProgress progress) override {
    ++begun;
    contents[id.distribution] = {.nodes = std::move(nodes),
                                 .was_delivered = was_delivered,
                                 .progress = std::move(progress)};
  }
  void ReceiveUpload(const DeliveryId& id, const v1::DistributionSpec& /*spec*/,
                     bool was_begun, OnProgress progress) override {
    ++begun;
    contents[id.distribution] = {.is_upload = true,
                                 .was_begun = was_begun,
                                 .progress = std::move(progress)};
  }
  void Reparent(const DeliveryId& id, std::vector<SendingNode> nodes) override {
    ++reparented;
    contents.at(id.distribution).nodes = std::move(nodes);
  }
  std::optional<ReceivedRate> TakeRate(const DeliveryId& id) override {
    const auto found = rates.find(id.distribution);
    if (found == rates.end()) return std::nullopt;
    return std::exchange(found->second, std::nullopt);
  }
  std::optional<ReceivedBytes> Received(const DeliveryId& id) const override {
    const auto found = received.find(id.distribution);
    if (found == received.end()) return std::nullopt;
    return found->second;
  }
  void Offer(const DeliveryId& id, const v1::FileSource& file,
             OnProgress progress) override {
    ++begun;
    offered = file;
    contents[id.distribution] = {.progress = std::move(progress)};
  }
  void Limit(const DeliveryId& id, const SendingLimits& limits) override {
    contents.at(id.distribution).limits.push_back(limits);
  }
  void KeepServed(const std::set<DeliveryId>& ids) override {
    kept_served.push_back(ids);
  }
  void Serve(const DeliveryId& id, const v1::DistributionSpec& /*spec*/,
             const v1::Content* source, OnServing serving) override {
    Served& one = served[id.distribution];
    one.source.reset();
    if (source != nullptr) one.source = *source;
    one.tell = std::move(serving);
  }
  void EndServing(const DeliveryId& id) override {
    served.erase(id.distribution);
  }
  void Release(const DeliveryId& id) override {
    contents.erase(id.distribution);
  }

  void Cancel(const DeliveryId& id, OnProgress kept) override {
    Release(id);
    cancelled[id.distribution] = std::move(kept);
  }

  // As they are now, by distribution.
  std::map<std::string, Content> contents;
  // The last ones, with what is called if all of it is there all the same.
  std::map<std::string, OnProgress> cancelled;
  // What is taken next, by distribution.
  std::map<std::string, std::optional<ReceivedRate>> rates;
  // By distribution.
  std::map<std::string, ReceivedBytes> received;
  std::vector<std::set<DeliveryId>> kept;
  std::map<std::string, Served> served;  // The same, to others than nodes.
  std::vector<std::set<DeliveryId>> kept_served;
  v1::FileSource offered;  // The last.
  int begun = 0;
  int reparented = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_FOLLOWER_TEST_PORT_H_
