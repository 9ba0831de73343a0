#include "messages/distribution_texts.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "text/amounts.h"

namespace tcptool {

void Count(v1::DeliveryState state, v1::DeliveryCounts& counts) {
  switch (state) {
    case v1::DELIVERY_STATE_EXPECTED:
      return counts.set_expected(counts.expected() + 1);
    case v1::DELIVERY_STATE_WAITING:
      return counts.set_waiting(counts.waiting() + 1);
    case v1::DELIVERY_STATE_RECEIVING:
      return counts.set_receiving(counts.receiving() + 1);
    case v1::DELIVERY_STATE_VERIFYING:
      return counts.set_verifying(counts.verifying() + 1);
    case v1::DELIVERY_STATE_DELIVERED:
      return counts.set_delivered(counts.delivered() + 1);
    case v1::DELIVERY_STATE_FAILED:
      return counts.set_failed(counts.failed() + 1);
    case v1::DELIVERY_STATE_CANCELLED:
      return counts.set_cancelled(counts.cancelled() + 1);
    default:
      return;
  }
}

int64_t TargetCount(const v1::DeliveryCounts& counts) {
  return int64_t{counts.expected()} + counts.waiting() + counts.receiving() +
         counts.verifying() + counts.delivered() + counts.failed() +
         counts.cancelled();
}

std::string CountsText(const v1::DeliveryCounts& counts) {
  std::string text = absl::StrCat(counts.delivered(), " of ",
                                  TargetCount(counts), " delivered");
  const std::array<std::pair<int32_t, absl::string_view>, 6> others = {{
      {counts.expected(), "expected"},
      {counts.waiting(), "waiting"},
      {counts.receiving(), "receiving"},
      {counts.verifying(), "verifying"},
      {counts.failed(), "failed"},
      {counts.cancelled(), "cancelled"},
  }};
  for (const auto& [count, name] : others) {
    if (count != 0) absl::StrAppend(&text, ", ", count, " ", name);
  }
  return text;
}

const std::string& SourceNode(const v1::DistributionSpec& spec) {
  return spec.has_upload() ? spec.upload().node() : spec.file().node();
}

std::string ServingText(const v1::DistributionServing& serving) {
  std::string text = serving.endpoint();
  if (text.empty()) text = serving.error();
  if (text.empty()) text = "ended";
  if (serving.connected() > 0) {
    absl::StrAppend(&text, ", ", serving.connected(), " connected");
  }
  absl::StrAppend(&text, ", ", serving.delivered(), " delivered");
  if (serving.failed() > 0) {
    absl::StrAppend(&text, ", ", serving.failed(), " failed");
  }
  return text;
}

std::string MoveText(const v1::ParentMove& move) {
  return absl::StrCat("from ", move.from_node(), " to ", move.to_node(), " at ",
                      HumanBytes(move.offset()), ": ", move.reason());
}

}  // namespace tcptool
