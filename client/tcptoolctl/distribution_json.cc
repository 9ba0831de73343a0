#include "client/tcptoolctl/distribution_json.h"

#include <google/protobuf/struct.pb.h>

#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/json.h"
#include "messages/delivery_progress.h"

namespace tcptool {
namespace {

std::string Quoted(const std::string& text) {
  google::protobuf::Value value;
  value.set_string_value(text);
  return Json(value);
}

// Without its end.
std::string Begin(const DistributionPicture& picture, const std::string& node) {
  std::string text = absl::StrCat("{\"node\":", Quoted(node));
  const auto rack = picture.racks.find(node);
  if (rack != picture.racks.end()) {
    absl::StrAppend(&text, ",\"rack\":", Quoted(rack->second));
  }
  return text;
}

std::string NodeJson(const DistributionPicture& picture,
                     const v1::Delivery& delivery) {
  std::string text = Begin(picture, delivery.node());
  const ProgressNumbers progress =
      ProgressNumbersOf(delivery, picture.distribution);
  if (progress.percent_done) {
    absl::StrAppend(&text, ",\"percentDone\":", *progress.percent_done);
  }
  if (progress.seconds_left) {
    absl::StrAppend(&text, ",\"secondsLeft\":", *progress.seconds_left);
  }
  absl::StrAppend(&text, ",\"delivery\":", Json(delivery), "}");
  return text;
}

}  // namespace

std::map<std::string, std::string> TreeJson(
    const DistributionPicture& picture) {
  std::map<std::string, std::string> nodes;
  if (HasSourceAside(picture)) {
    nodes.emplace(picture.source,
                  absl::StrCat(Begin(picture, picture.source), "}"));
  }
  for (const v1::Delivery& delivery : picture.deliveries) {
    nodes.emplace(delivery.node(), NodeJson(picture, delivery));
  }
  return nodes;
}

}  // namespace tcptool
