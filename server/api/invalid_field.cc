#include "server/api/invalid_field.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

std::string DetailType() {
  return absl::StrCat(kDetailTypePrefix, "BadRequest");
}

}  // namespace

void InvalidFields::Add(absl::string_view path, absl::string_view what) {
  if (full() || std::ranges::any_of(
                    violations_.field_violations(),
                    [path](const auto& one) { return one.field() == path; })) {
    return;
  }
  auto& violation = *violations_.add_field_violations();
  violation.set_field(ToUtf8(path));
  violation.set_description(ToUtf8(what));
}

void InvalidFields::AddOf(const absl::Status& status) {
  const auto detail = status.GetPayload(DetailType());
  google::rpc::BadRequest other;
  if (!detail || !other.ParseFromString(std::string(*detail))) return;
  for (const auto& one : other.field_violations()) {
    Add(one.field(), one.description());
  }
}

absl::Status InvalidFields::status() const {
  if (empty()) return absl::OkStatus();
  const auto& first = violations_.field_violations(0);
  absl::Status status =
      WithReason(absl::InvalidArgumentError(
                     absl::StrCat(first.field(), ": ", first.description())),
                 v1::ERROR_REASON_INVALID_FIELD);
  status.SetPayload(DetailType(), absl::Cord(violations_.SerializeAsString()));
  return status;
}

absl::Status InvalidField(absl::string_view path, absl::string_view what) {
  InvalidFields fields;
  fields.Add(path, what);
  return fields.status();
}

absl::Status BothChecks(const absl::Status& first, const absl::Status& second) {
  if (first.ok()) return second;
  InvalidFields fields;
  fields.AddOf(first);
  if (fields.empty()) return first;
  fields.AddOf(second);
  return fields.status();
}

}  // namespace tcptool::server
