#include "client/tcptoolctl/error_text.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/render.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr absl::string_view kTypePrefix = "type.googleapis.com/";

// The fields that the service says are wrong.
google::rpc::BadRequest WrongFields(const absl::Status& error) {
  google::rpc::BadRequest fields;
  const auto detail = error.GetPayload(
      absl::StrCat(kTypePrefix, fields.GetDescriptor()->full_name()));
  if (!detail || !fields.ParseFromString(std::string(*detail))) return {};
  return fields;
}

// One of another type has no JSON.
bool IsKnown(absl::string_view type) {
  return absl::ConsumePrefix(&type, kTypePrefix) &&
         google::protobuf::DescriptorPool::generated_pool()
                 ->FindMessageTypeByName(std::string(type)) != nullptr;
}

}  // namespace

std::string ErrorText(const absl::Status& error) {
  std::string text = absl::StrCat(absl::StatusCodeToString(error.code()), ": ",
                                  Printable(error.message()), "\n");
  const google::rpc::BadRequest fields = WrongFields(error);
  for (const auto& field : fields.field_violations()) {
    // The message is about the first one.
    if (&field == &fields.field_violations(0)) continue;
    absl::StrAppend(&text, "  ", Printable(field.field()), ": ",
                    Printable(field.description()), "\n");
  }
  return text;
}

std::string ErrorJson(const absl::Status& error) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code()));
  // A string of Protobuf is UTF-8, and an error of this program may quote other
  // bytes.
  status.set_message(Printable(error.message()));
  error.ForEachPayload(
      [&status](absl::string_view type, const absl::Cord& detail) {
        if (!IsKnown(type)) return;
        google::protobuf::Any& any = *status.add_details();
        any.set_type_url(std::string(type));
        any.set_value(std::string(detail));
      });
  std::string json = Json(status);
  if (json == "{}") {  // A detail is not what its type says.
    status.clear_details();
    json = Json(status);
  }
  return absl::StrCat("{\"error\":", json, "}\n");
}

}  // namespace tcptool
