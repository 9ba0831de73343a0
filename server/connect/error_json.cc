#include "server/connect/error_json.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "google/rpc/status.pb.h"
#include "server/base/log.h"
#include "server/connect/codec.h"

namespace tcptool::server {
namespace {

struct Code {
  absl::string_view name;
  int http_status;
};

// By gRPC's number.
constexpr Code kUnknown = {"unknown", 500};
constexpr Code kCodes[] = {
    {"unknown", 500},  // OK, which is no error.
    {"canceled", 499},
    kUnknown,
    {"invalid_argument", 400},
    {"deadline_exceeded", 504},
    {"not_found", 404},
    {"already_exists", 409},
    {"permission_denied", 403},
    {"resource_exhausted", 429},
    {"failed_precondition", 400},
    {"aborted", 409},
    {"out_of_range", 400},
    {"unimplemented", 501},
    {"internal", 500},
    {"unavailable", 503},
    {"data_loss", 500},
    {"unauthenticated", 401},
};

const Code& CodeOf(grpc::StatusCode code) {
  return code >= 0 && static_cast<size_t>(code) < std::size(kCodes)
             ? kCodes[code]
             : kUnknown;
}

// `detail` in JSON; none: its type is not known here, or it is broken.
std::optional<std::string> DebugJson(const std::string& type,
                                     const std::string& bytes) {
  const auto* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          type);
  if (descriptor == nullptr) return std::nullopt;
  auto json = Encode({.is_json = true, .is_stream = false}, *descriptor, bytes);
  if (!json.ok()) return std::nullopt;
  return *std::move(json);
}

std::string DetailJson(const google::protobuf::Any& detail) {
  const std::string& url = detail.type_url();
  const std::string type = url.substr(url.rfind('/') + 1);
  std::string base64 = absl::Base64Escape(detail.value());
  base64.resize(base64.find_last_not_of('=') + 1);
  const std::optional<std::string> debug = DebugJson(type, detail.value());
  return absl::StrCat("{\"type\":", JsonString(type), ",\"value\":\"", base64,
                      "\"", debug ? absl::StrCat(",\"debug\":", *debug) : "",
                      "}");
}

}  // namespace

absl::string_view ConnectCode(grpc::StatusCode code) {
  return CodeOf(code).name;
}

int HttpStatusOf(grpc::StatusCode code) { return CodeOf(code).http_status; }

std::string ErrorJson(const grpc::Status& error) {
  std::string json =
      absl::StrCat("{\"code\":\"", ConnectCode(error.error_code()), "\"");
  if (!error.error_message().empty()) {
    absl::StrAppend(&json, ",\"message\":", JsonString(error.error_message()));
  }
  google::rpc::Status status;
  if (status.ParseFromString(error.error_details()) &&
      status.details_size() > 0) {
    std::vector<std::string> details;
    for (const auto& detail : status.details()) {
      details.push_back(DetailJson(detail));
    }
    absl::StrAppend(&json, ",\"details\":[", absl::StrJoin(details, ","), "]");
  }
  return absl::StrCat(json, "}");
}

std::string EndOfStreamJson(const grpc::Status& status) {
  return status.ok() ? "{}"
                     : absl::StrCat("{\"error\":", ErrorJson(status), "}");
}

}  // namespace tcptool::server
