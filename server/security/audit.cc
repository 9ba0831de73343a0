#include "server/security/audit.h"

#include <cstdint>

#include "server/base/log.h"

namespace tcptool::server {
namespace {

// The length to which a method's name, chosen by the peer, is cut.
constexpr size_t kMaxMethodBytes = 200;

std::string CodeName(const absl::Status& status) {
  return absl::StatusCodeToString(status.code());
}

}  // namespace

std::string NameIn(const google::protobuf::Message& message) {
  const google::protobuf::FieldDescriptor* field =
      message.GetDescriptor()->FindFieldByName("name");
  if (field == nullptr ||
      field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING ||
      field->is_repeated()) {
    return "";
  }
  return message.GetReflection()->GetString(message, field);
}

std::string TargetOf(const google::protobuf::Message& request) {
  const google::protobuf::FieldDescriptor* field =
      request.GetDescriptor()->FindFieldByName("validate_only");
  if (field != nullptr && request.GetReflection()->GetBool(request, field)) {
    return "(validate_only)";
  }
  // An update names its resource in the resource itself, the first field.
  if (request.GetDescriptor()->FindFieldByName("update_mask") != nullptr) {
    return NameIn(request.GetReflection()->GetMessage(
        request, request.GetDescriptor()->field(0)));
  }
  return NameIn(request);
}

void LogAudit(absl::string_view who, absl::string_view peer,
              absl::string_view method, absl::string_view target,
              const absl::Status& outcome) {
  LogInfo("audit", {{"who", who},
                    {"peer", peer},
                    {"method", method},
                    {"target", target},
                    {"outcome", CodeName(outcome)},
                    {"detail", outcome.message()}});
}

void RefusalLog::Add(absl::string_view who, absl::string_view peer,
                     absl::string_view method, const absl::Status& outcome) {
  absl::MutexLock lock(&mutex_);
  if (!limit_.Allows()) {
    last_peer_ = std::string(peer);
    return;
  }
  LogWarning("call_refused",
             {{"who", who},
              {"peer", peer},
              {"method", method.substr(0, kMaxMethodBytes)},
              {"outcome", CodeName(outcome)},
              {"detail", outcome.message().substr(0, 2 * kMaxMethodBytes)}});
}

void RefusalLog::Flush() {
  absl::MutexLock lock(&mutex_);
  const uint64_t untold = limit_.TakeUntold();
  if (untold == 0) return;
  LogWarning("calls_refused", {{"count", untold}, {"last_peer", last_peer_}});
}

}  // namespace tcptool::server
