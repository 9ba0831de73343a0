#include "server/api/errors.h"

#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/rpc/error_details.pb.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

template <typename Detail>
void Attach(absl::Status& status, const Detail& detail) {
  status.SetPayload(
      absl::StrCat(kDetailTypePrefix, Detail::descriptor()->name()),
      absl::Cord(detail.SerializeAsString()));
}

std::string NameOf(v1::ErrorReason reason) {
  return std::string(
      absl::StripPrefix(v1::ErrorReason_Name(reason), "ERROR_REASON_"));
}

google::rpc::ResourceInfo Resource(absl::string_view type,
                                   absl::string_view name,
                                   absl::string_view message) {
  google::rpc::ResourceInfo info;
  info.set_resource_type(std::string(type));
  info.set_resource_name(ToUtf8(name));
  info.set_description(ToUtf8(message));
  return info;
}

}  // namespace

absl::Status WithReason(
    absl::Status status, v1::ErrorReason reason,
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        metadata) {
  google::rpc::ErrorInfo info;
  info.set_reason(NameOf(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[std::string(key)] = ToUtf8(value);
  }
  Attach(status, info);
  return status;
}

absl::Status Prefixed(absl::string_view prefix, const absl::Status& status) {
  absl::Status prefixed(status.code(), absl::StrCat(prefix, status.message()));
  status.ForEachPayload(
      [&prefixed](absl::string_view type, const absl::Cord& detail) {
        prefixed.SetPayload(type, detail);
      });
  return prefixed;
}

absl::Status FailedPrecondition(v1::ErrorReason reason,
                                absl::string_view subject,
                                absl::string_view message) {
  absl::Status status =
      WithReason(absl::FailedPreconditionError(message), reason);
  google::rpc::PreconditionFailure failure;
  auto& violation = *failure.add_violations();
  violation.set_type(NameOf(reason));
  violation.set_subject(ToUtf8(subject));
  violation.set_description(ToUtf8(message));
  Attach(status, failure);
  return status;
}

absl::Status Exhausted(v1::ErrorReason reason, absl::string_view subject,
                       absl::string_view message) {
  absl::Status status =
      WithReason(absl::ResourceExhaustedError(message), reason);
  google::rpc::QuotaFailure failure;
  auto& violation = *failure.add_violations();
  violation.set_subject(ToUtf8(subject));
  violation.set_description(ToUtf8(message));
  Attach(status, failure);
  return status;
}

absl::Status NotFound(v1::ErrorReason reason, absl::string_view type,
                      absl::string_view name, absl::string_view message) {
  absl::Status status = WithReason(absl::NotFoundError(message), reason);
  Attach(status, Resource(type, name, message));
  return status;
}

absl::Status AlreadyExists(v1::ErrorReason reason, absl::string_view type,
                           absl::string_view name, absl::string_view message) {
  absl::Status status = WithReason(absl::AlreadyExistsError(message), reason);
  Attach(status, Resource(type, name, message));
  return status;
}

absl::Status Unavailable(v1::ErrorReason reason, absl::string_view message) {
  absl::Status status = WithReason(absl::UnavailableError(message), reason);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(1);
  Attach(status, retry);
  return status;
}

}  // namespace tcptool::server
