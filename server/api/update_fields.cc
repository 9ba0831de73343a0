#include "server/api/update_fields.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tcptool::server {
namespace {

using Spec = v1::SessionSpec;

constexpr absl::string_view kAll = "*";

const UpdateField kFields[] = {
    {.path = "spec.labels",
     .of_finished = true,
     .is_set = [](const Spec& spec) { return !spec.labels().empty(); },
     .copy = [](const Spec& from,
                Spec& to) { *to.mutable_labels() = from.labels(); }},
    {.path = "spec.retention",
     .of_finished = true,
     .is_set = [](const Spec& spec) { return spec.has_retention(); },
     .copy =
         [](const Spec& from, Spec& to) {
           to.clear_retention();
           if (from.has_retention()) *to.mutable_retention() = from.retention();
         }},
    {.path = "spec.expire_after",
     .of_finished = false,
     .is_set = [](const Spec& spec) { return spec.has_expire_after(); },
     .copy =
         [](const Spec& from, Spec& to) {
           to.clear_expire_after();
           if (!from.has_expire_after()) return;
           *to.mutable_expire_after() = from.expire_after();
         }},
    {.path = "spec.limits.recipient_bytes_per_second",
     .of_finished = false,
     .is_set =
         [](const Spec& spec) {
           return spec.limits().recipient_bytes_per_second() != 0;
         },
     .copy =
         [](const Spec& from, Spec& to) {
           to.mutable_limits()->set_recipient_bytes_per_second(
               from.limits().recipient_bytes_per_second());
         }},
    {.path = "spec.limits.session_bytes_per_second",
     .of_finished = false,
     .is_set =
         [](const Spec& spec) {
           return spec.limits().session_bytes_per_second() != 0;
         },
     .copy =
         [](const Spec& from, Spec& to) {
           to.mutable_limits()->set_session_bytes_per_second(
               from.limits().session_bytes_per_second());
         }},
    {.path = "spec.allow",
     .of_finished = false,
     .is_set = [](const Spec& spec) { return !spec.allow().empty(); },
     .copy = [](const Spec& from,
                Spec& to) { *to.mutable_allow() = from.allow(); }},
    {.path = "spec.expected",
     .of_finished = false,
     .is_set = [](const Spec& spec) { return !spec.expected().empty(); },
     .copy = [](const Spec& from,
                Spec& to) { *to.mutable_expected() = from.expected(); }},
};

std::string AllPaths() {
  return absl::StrJoin(kFields, ", ",
                       [](std::string* out, const UpdateField& field) {
                         absl::StrAppend(out, field.path);
                       });
}

}  // namespace

std::vector<const UpdateField*> UpdateFieldsOf(
    const v1::UpdateSessionRequest& request, InvalidFields& wrong) {
  const auto& paths = request.update_mask().paths();
  for (int i = 0; i < paths.size() && !wrong.full(); ++i) {
    if (paths[i] == kAll ||
        std::ranges::find(kFields, paths[i], &UpdateField::path) !=
            std::end(kFields)) {
      continue;
    }
    wrong.Add(absl::StrCat("update_mask.paths[", i, "]"),
              absl::StrCat("\"", paths[i],
                           "\" cannot be changed; these can: ", AllPaths()));
  }
  const bool all = std::ranges::find(paths, kAll) != paths.end();
  std::vector<const UpdateField*> fields;
  for (const UpdateField& field : kFields) {
    const bool is_named =
        paths.empty()
            ? field.is_set(request.session().spec())
            : all || std::ranges::find(paths, field.path) != paths.end();
    if (is_named) fields.push_back(&field);
  }
  if (paths.empty() && fields.empty()) {
    wrong.Add("update_mask",
              absl::StrCat("it is empty, and the session has none of these "
                           "set: ",
                           AllPaths()));
  }
  return fields;
}

}  // namespace tcptool::server
