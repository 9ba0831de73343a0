#include "server/api/error_details.h"

#include <google/protobuf/message.h>

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/rpc/error_details.pb.h"
#include "server/api/errors.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

// Of the trailers, what a message and its details may take. The rest is for
// their names, and for what else gRPC puts there.
constexpr size_t kMaxTrailerBytes = 7000;
// Of these, what the message may take: once for itself, and once in the
// details.
constexpr size_t kMaxMessageBytes = 4700;
// Of any text in a detail.
constexpr size_t kMaxTextBytes = 300;

// What one byte takes in "grpc-message", where it may be percent-encoded.
size_t EncodedBytes(char byte) {
  return byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3;
}

// What so many bytes take in "grpc-status-details-bin", in base64.
size_t Base64Bytes(size_t bytes) { return (bytes + 2) / 3 * 4; }

bool ContinuesCharacter(char byte) { return (byte & 0xC0) == 0x80; }  // UTF-8.

// The first `size` bytes of `text` without a part of a character at their end.
std::string CutAt(absl::string_view text, size_t size) {
  if (size >= text.size()) return std::string(text);
  while (size > 0 && ContinuesCharacter(text[size])) --size;
  return absl::StrCat(text.substr(0, size), "...");
}

v1::ErrorReason ReasonOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kCancelled:
      return v1::ERROR_REASON_CANCELLED;
    case absl::StatusCode::kInvalidArgument:
      return v1::ERROR_REASON_INVALID_REQUEST;
    case absl::StatusCode::kDeadlineExceeded:
      return v1::ERROR_REASON_DEADLINE_EXCEEDED;
    case absl::StatusCode::kNotFound:
      return v1::ERROR_REASON_RESOURCE_NOT_FOUND;
    case absl::StatusCode::kAlreadyExists:
      return v1::ERROR_REASON_ID_TAKEN;
    case absl::StatusCode::kPermissionDenied:
      return v1::ERROR_REASON_ACCESS_DENIED;
    case absl::StatusCode::kUnauthenticated:
      return v1::ERROR_REASON_CREDENTIALS_MISSING;
    case absl::StatusCode::kResourceExhausted:
      return v1::ERROR_REASON_LIMIT_REACHED;
    case absl::StatusCode::kFailedPrecondition:
      return v1::ERROR_REASON_PRECONDITION_FAILED;
    case absl::StatusCode::kAborted:
      return v1::ERROR_REASON_CONCURRENT_CHANGES;
    case absl::StatusCode::kOutOfRange:
      return v1::ERROR_REASON_OUT_OF_RANGE;
    case absl::StatusCode::kUnimplemented:
      return v1::ERROR_REASON_UNIMPLEMENTED;
    case absl::StatusCode::kUnavailable:
      return v1::ERROR_REASON_UNAVAILABLE;
    default:
      return v1::ERROR_REASON_INTERNAL;
  }
}

void Shorten(std::string& text) { text = CutAt(text, kMaxTextBytes); }

void Bound(google::rpc::ErrorInfo& info) {
  for (auto& [key, value] : *info.mutable_metadata()) Shorten(value);
}

void Bound(google::rpc::ResourceInfo& info) {
  Shorten(*info.mutable_resource_name());
  Shorten(*info.mutable_description());
}

void Bound(google::rpc::PreconditionFailure& failure) {
  for (auto& one : *failure.mutable_violations()) {
    Shorten(*one.mutable_subject());
    Shorten(*one.mutable_description());
  }
}

void Bound(google::rpc::QuotaFailure& failure) {
  for (auto& one : *failure.mutable_violations()) {
    Shorten(*one.mutable_subject());
    Shorten(*one.mutable_description());
  }
}

void Bound(google::rpc::BadRequest& request) {
  for (auto& one : *request.mutable_field_violations()) {
    Shorten(*one.mutable_field());
    Shorten(*one.mutable_description());
  }
}

void Bound(google::rpc::RetryInfo&) {}

template <typename Detail>
std::optional<Detail> Attached(const absl::Status& status) {
  const auto bytes = status.GetPayload(
      absl::StrCat(kDetailTypePrefix, Detail::descriptor()->name()));
  Detail detail;
  if (!bytes || !detail.ParseFromString(std::string(*bytes))) {
    return std::nullopt;
  }
  Bound(detail);
  return detail;
}

// Adds details as long as they fit.
class Packing {
 public:
  Packing(google::rpc::Status status, size_t max_bytes)
      : status_(std::move(status)), max_bytes_(max_bytes) {}

  // False: it does not fit.
  bool Add(const google::protobuf::Message& detail) {
    status_.add_details()->PackFrom(detail);
    if (Base64Bytes(status_.ByteSizeLong()) <= max_bytes_) return true;
    status_.mutable_details()->RemoveLast();
    return false;
  }

  template <typename Detail>
  void AddAttached(const absl::Status& status) {
    if (const auto detail = Attached<Detail>(status)) Add(*detail);
  }

  // As many of the fields as fit.
  void AddFields(const absl::Status& status) {
    auto request = Attached<google::rpc::BadRequest>(status);
    while (request && !request->field_violations().empty() && !Add(*request)) {
      request->mutable_field_violations()->RemoveLast();
    }
  }

  google::rpc::Status Take() { return std::move(status_); }

 private:
  google::rpc::Status status_;
  const size_t max_bytes_;
};

}  // namespace

std::string MessageOf(const absl::Status& status) {
  const std::string text = ToUtf8(status.message());
  size_t bytes = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    bytes += EncodedBytes(text[i]);
    if (bytes + Base64Bytes(i + 1) > kMaxMessageBytes) return CutAt(text, i);
  }
  return text;
}

google::rpc::Status DetailsOf(const absl::Status& status,
                              const std::string& message) {
  google::rpc::Status whole;
  whole.set_code(static_cast<int>(status.code()));
  whole.set_message(message);
  size_t message_bytes = 0;
  for (const char byte : message) message_bytes += EncodedBytes(byte);
  Packing packing(std::move(whole), kMaxTrailerBytes - message_bytes);
  const absl::Status reasoned =
      Attached<google::rpc::ErrorInfo>(status)
          ? status
          : WithReason(status, ReasonOf(status.code()));
  packing.AddAttached<google::rpc::ErrorInfo>(reasoned);
  packing.AddAttached<google::rpc::RetryInfo>(status);
  packing.AddAttached<google::rpc::ResourceInfo>(status);
  packing.AddAttached<google::rpc::PreconditionFailure>(status);
  packing.AddAttached<google::rpc::QuotaFailure>(status);
  packing.AddFields(status);
  return packing.Take();
}

}  // namespace tcptool::server
