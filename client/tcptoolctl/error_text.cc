#include "client/tcptoolctl/error_text.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/json.h"
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

bool IsEndedByPeer(const absl::Status& error) {
  if (!absl::IsUnavailable(error) ||
      !absl::StartsWith(error.message(), "failed to connect")) {
    return false;
  }
  for (const absl::string_view words :
       {"Connection reset by peer", "Broken pipe", "Socket closed",
        "Endpoint read failed"}) {
    if (absl::StrContains(error.message(), words)) return true;
  }
  return false;
}

// Others have no JSON.
bool IsReadable(absl::string_view type, const std::string& detail) {
  if (!absl::ConsumePrefix(&type, kTypePrefix)) return false;
  const google::protobuf::Descriptor* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
          std::string(type));
  if (descriptor == nullptr) return false;
  const std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()
          ->GetPrototype(descriptor)
          ->New());
  return message->ParseFromString(detail);
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

absl::Status WithMissingOption(const absl::Status& error,
                               const ChannelOptions& channel) {
  if (!IsEndedByPeer(error)) return error;
  if (!channel.wants_tls()) {
    return absl::UnavailableError(absl::StrCat(
        error.message(), "; if it speaks TLS, give --tls-ca or --tls"));
  }
  if (!channel.tls_cert.empty()) return error;
  return absl::UnavailableError(absl::StrCat(
      error.message(),
      "; if it wants a certificate, give --tls-cert and --tls-key"));
}

std::string ErrorJson(const absl::Status& error) {
  google::rpc::Status status;
  status.set_code(static_cast<int>(error.code()));
  // A string of Protobuf is UTF-8, and an error of this program may quote other
  // bytes.
  status.set_message(Printable(error.message()));
  error.ForEachPayload(
      [&status](absl::string_view type, const absl::Cord& detail) {
        std::string value(detail);
        if (!IsReadable(type, value)) return;
        google::protobuf::Any& any = *status.add_details();
        any.set_type_url(std::string(type));
        any.set_value(std::move(value));
      });
  return absl::StrCat("{\"error\":", Json(status), "}\n");
}

}  // namespace tcptool
