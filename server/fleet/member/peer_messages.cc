#include "server/fleet/member/peer_messages.h"

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace tcptool::fleet {
namespace {

constexpr std::chrono::milliseconds kLongestAge = std::chrono::hours(1);

// No content is longer (16 TiB), and sums of 10,000 nodes fit.
constexpr int64_t kMostTold = int64_t{1} << 44;

// What cannot be is no number that a client could add to others.
int64_t Told(int64_t number) {
  return std::clamp<int64_t>(number, 0, kMostTold);
}

}  // namespace

peer::v1::ReportRatesRequest ToRequest(
    const std::string& node, const EdgeRates& rates,
    const std::vector<NodeProgress>& progress) {
  peer::v1::ReportRatesRequest request;
  request.set_node(node);
  for (const EdgeRate& rate : rates) {
    peer::v1::EdgeRate& edge = *request.add_edges();
    edge.set_distribution(rate.distribution);
    edge.set_parent(rate.parent);
    edge.set_epoch(rate.epoch);
    edge.set_busy_milliseconds(rate.busy.count());
    edge.set_bytes(static_cast<int64_t>(rate.bytes));
    edge.set_observed_milliseconds(rate.observed.count());
    edge.set_observed_bytes(static_cast<int64_t>(rate.observed_bytes));
    edge.set_allowed_bytes_per_second(static_cast<int64_t>(rate.allowed));
  }
  for (const NodeProgress& one : progress) {
    peer::v1::DeliveryProgress& delivery = *request.add_progress();
    delivery.set_distribution(one.distribution);
    delivery.set_revision(one.revision);
    delivery.set_bytes_received(one.bytes_received);
    delivery.set_bytes_per_second(one.bytes_per_second);
  }
  return request;
}

EdgeRates ToRates(const peer::v1::ReportRatesRequest& request) {
  EdgeRates rates;
  for (const peer::v1::EdgeRate& edge : request.edges()) {
    rates.push_back(
        {.distribution = edge.distribution(),
         .node = request.node(),
         .parent = edge.parent(),
         .epoch = edge.epoch(),
         .busy = std::chrono::milliseconds(edge.busy_milliseconds()),
         .bytes = static_cast<uint64_t>(Told(edge.bytes())),
         .observed = std::chrono::milliseconds(edge.observed_milliseconds()),
         .observed_bytes = static_cast<uint64_t>(Told(edge.observed_bytes())),
         .allowed =
             static_cast<uint64_t>(Told(edge.allowed_bytes_per_second()))});
  }
  return rates;
}

std::vector<NodeProgress> ToProgress(
    const peer::v1::ReportRatesRequest& request) {
  std::vector<NodeProgress> all;
  for (const peer::v1::DeliveryProgress& one : request.progress()) {
    all.push_back({.distribution = one.distribution(),
                   .revision = one.revision(),
                   .node = request.node(),
                   .bytes_received = Told(one.bytes_received()),
                   .bytes_per_second = Told(one.bytes_per_second())});
  }
  return all;
}

peer::v1::GetProgressResponse ToResponse(const std::vector<NodeProgress>& all) {
  peer::v1::GetProgressResponse response;
  for (const NodeProgress& one : all) {
    peer::v1::NodeProgress& node = *response.add_nodes();
    node.set_node(one.node);
    node.set_bytes_received(one.bytes_received);
    node.set_bytes_per_second(one.bytes_per_second);
    node.set_age_milliseconds(one.age.count());
  }
  return response;
}

std::vector<NodeProgress> ToProgress(
    const peer::v1::GetProgressRequest& request,
    const peer::v1::GetProgressResponse& response) {
  std::vector<NodeProgress> all;
  for (const peer::v1::NodeProgress& one : response.nodes()) {
    all.push_back({.distribution = request.distribution(),
                   .revision = request.revision(),
                   .node = one.node(),
                   .bytes_received = Told(one.bytes_received()),
                   .bytes_per_second = Told(one.bytes_per_second()),
                   // What cannot be is no time that a client could read.
                   .age = std::chrono::milliseconds(std::clamp<int64_t>(
                       one.age_milliseconds(), 0, kLongestAge.count()))});
  }
  return all;
}

}  // namespace tcptool::fleet
