#include "client/tcptoolctl/distribution_text.h"

#include <google/protobuf/map.h>

#include <algorithm>
#include <cstdint>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/tcptoolctl/labelled_lines.h"
#include "client/tcptoolctl/render.h"
#include "messages/delivery_progress.h"
#include "messages/distribution_states.h"
#include "messages/distribution_texts.h"
#include "messages/time.h"
#include "text/amounts.h"
#include "text/characters.h"

namespace tcptool {
namespace {

std::string StateAndDetail(const v1::Distribution& distribution) {
  std::string text = StateName(distribution.state());
  if (!distribution.detail().empty()) {
    absl::StrAppend(&text, ": ", Printable(distribution.detail()));
  }
  return text;
}

std::string Source(const v1::DistributionSpec& spec) {
  if (spec.has_upload()) {
    return absl::StrCat("upload to ", spec.upload().node());
  }
  return absl::StrCat(spec.file().node(), ":", spec.file().root(), "/",
                      spec.file().path());
}

std::string Destination(const v1::DistributionSpec& spec) {
  return absl::StrCat(spec.destination().root(), "/",
                      spec.destination().path());
}

// Sorted: a map's order is another one each time.
std::string LabelsText(
    const google::protobuf::Map<std::string, std::string>& labels) {
  return absl::StrJoin(
      std::map<std::string, std::string>(labels.begin(), labels.end()), ", ",
      absl::PairFormatter("="));
}

// As --to has them.
std::string TargetsText(const v1::DistributionTargets& targets) {
  std::vector<std::string> parts;
  if (targets.all()) parts.emplace_back("all");
  for (const std::string& rack : targets.racks()) {
    parts.push_back(absl::StrCat("rack=", rack));
  }
  for (const auto& [key, value] : std::map<std::string, std::string>(
           targets.labels().begin(), targets.labels().end())) {
    parts.push_back(absl::StrCat("label:", key, "=", value));
  }
  parts.insert(parts.end(), targets.nodes().begin(), targets.nodes().end());
  return absl::StrJoin(parts, ", ");
}

std::string Standing(v1::DeliveryStanding standing) {
  return standing == v1::DELIVERY_STANDING_UNSPECIFIED ? ""
                                                       : StandingName(standing);
}

}  // namespace

std::string DistributionProgress(const v1::Distribution& distribution,
                                 const std::string& progress) {
  std::string text = StateName(distribution.state());
  if (!progress.empty()) absl::StrAppend(&text, " (", progress, ")");
  absl::StrAppend(&text, ", ", CountsText(distribution.counts()));
  if (!distribution.detail().empty()) {
    absl::StrAppend(&text, ": ", Printable(distribution.detail()));
  }
  return text;
}

std::string DeliveryDetail(const v1::Delivery& delivery) {
  if (!delivery.detail().empty() || delivery.moves().empty()) {
    return delivery.detail();
  }
  return MoveText(*delivery.moves().rbegin());
}

std::string DistributionTable(const std::vector<v1::Distribution>& all,
                              absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"DISTRIBUTION", "STATE", "FROM", "AS", "SIZE", "DELIVERED", "AGE"}};
  for (const v1::Distribution& one : all) {
    rows.push_back(
        {Printable(one.name()), StateName(one.state()),
         Printable(Source(one.spec())), Printable(Destination(one.spec())),
         OrNothing(one.has_content_length() ? HumanBytes(one.content_length())
                                            : ""),
         absl::StrCat(one.counts().delivered(), "/", TargetCount(one.counts())),
         HumanDuration(now - ToTime(one.create_time()))});
  }
  return Table(rows);
}

std::string DistributionDetails(const v1::Distribution& distribution) {
  LabelledLines lines;
  lines.Add("distribution", distribution.name());
  lines.Add("state", StateAndDetail(distribution));
  lines.Add("from", Source(distribution.spec()));
  lines.Add("to", TargetsText(distribution.spec().targets()));
  lines.Add("as", Destination(distribution.spec()));
  if (!distribution.spec().labels().empty()) {
    lines.Add("labels", LabelsText(distribution.spec().labels()));
  }
  if (distribution.has_content_length()) {
    lines.Add("size", absl::StrFormat("%s (%d bytes)",
                                      HumanBytes(distribution.content_length()),
                                      distribution.content_length()));
  }
  if (!distribution.content_root().empty()) {
    lines.Add("root", distribution.content_root());
  }
  lines.Add("nodes", CountsText(distribution.counts()));
  if (distribution.has_source_serving()) {
    lines.Add("source serves", ServingText(distribution.source_serving()));
  }
  lines.Add("epoch", absl::StrCat(distribution.epoch()));
  lines.AddTime("created", distribution.create_time());
  if (distribution.has_expire_time()) {
    lines.AddTime("expires", distribution.expire_time());
  }
  if (distribution.has_end_time()) {
    lines.AddTime("ended", distribution.end_time());
  }
  return std::move(lines).Take();
}

std::string DeliveryTable(const std::vector<v1::Delivery>& deliveries,
                          size_t columns) {
  const bool is_served = std::ranges::any_of(
      deliveries, [](const v1::Delivery& one) { return one.has_serving(); });
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "STATE", "RECEIVED", "RATE", "PARENT", "FALLBACKS", "STANDING"}};
  if (is_served) rows.front().emplace_back("SERVES");
  rows.front().emplace_back("DETAIL");
  for (const v1::Delivery& delivery : deliveries) {
    // The content's length is not known here.
    const ProgressTexts progress =
        ProgressTextsOf(delivery, v1::Distribution::default_instance());
    rows.push_back({Printable(delivery.node()), StateName(delivery.state()),
                    OrNothing(progress.done), OrNothing(progress.rate),
                    OrNothing(delivery.parent()),
                    OrNothing(absl::StrJoin(delivery.fallbacks(), ",")),
                    OrNothing(Standing(delivery.standing()))});
    if (is_served) {
      rows.back().push_back(OrNothing(
          delivery.has_serving() ? ServingText(delivery.serving()) : ""));
    }
    rows.back().push_back(OrNothing(DeliveryDetail(delivery)));
  }
  return Table(rows, columns);
}

std::string FleetNodeTable(const std::vector<v1::FleetNode>& nodes,
                           size_t columns) {
  std::vector<std::vector<std::string>> rows = {
      {"NODE", "RACK", "ADDRESS", "EGRESS", "VERSION", "ROLE", "LABELS"}};
  for (const v1::FleetNode& node : nodes) {
    const int64_t egress = node.egress_bytes_per_second();
    rows.push_back(
        {Printable(node.node()), OrNothing(node.rack()),
         OrNothing(node.peer_address()),
         OrNothing(egress == 0 ? "" : absl::StrCat(HumanBytes(egress), "/s")),
         OrNothing(node.version()),
         OrNothing(node.coordinator() ? "coordinator" : ""),
         OrNothing(LabelsText(node.labels()))});
  }
  return Table(rows, columns);
}

}  // namespace tcptool
