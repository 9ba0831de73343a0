#include "client/tcptoolctl/json.h"

#include <google/protobuf/util/json_util.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/error_text.h"

namespace tcptool {
namespace {

std::atomic<bool> lacks_json = false;  // A message that was to be told.

}  // namespace

std::string Json(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  std::string json;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &json, options);
  if (status.ok()) return json;
  lacks_json = true;
  const absl::string_view why(status.message().data(), status.message().size());
  return std::string(absl::StripSuffix(
      ErrorJson(absl::InternalError(absl::StrCat("this has no JSON: ", why))),
      "\n"));
}

absl::Status JsonStatus() {
  if (!lacks_json) return absl::OkStatus();
  return absl::InternalError(
      "something that was to be shown has no JSON: the output has "
      "{\"error\":...} in its place; use --output text");
}

}  // namespace tcptool
