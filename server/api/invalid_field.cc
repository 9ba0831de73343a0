#include "server/api/invalid_field.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "text/characters.h"

namespace tcptool::server {

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

absl::Status InvalidFields::status() const {
  if (empty()) return absl::OkStatus();
  const auto& first = violations_.field_violations(0);
  absl::Status status =
      WithReason(absl::InvalidArgumentError(
                     absl::StrCat(first.field(), ": ", first.description())),
                 v1::ERROR_REASON_INVALID_FIELD);
  status.SetPayload(absl::StrCat(kDetailTypePrefix, "BadRequest"),
                    absl::Cord(violations_.SerializeAsString()));
  return status;
}

absl::Status InvalidField(absl::string_view path, absl::string_view what) {
  InvalidFields fields;
  fields.Add(path, what);
  return fields.status();
}

}  // namespace tcptool::server
