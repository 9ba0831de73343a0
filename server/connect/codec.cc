#include "server/connect/codec.h"

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

struct Named {
  absl::string_view content_type;
  Codec codec;
};

constexpr Named kCodecs[] = {
    {"application/json", {.is_json = true, .is_stream = false}},
    {"application/proto", {.is_json = false, .is_stream = false}},
    {"application/connect+json", {.is_json = true, .is_stream = true}},
    {"application/connect+proto", {.is_json = false, .is_stream = true}},
};

// What of Protobuf's explanation is quoted: it may quote the request.
constexpr size_t kMaxReason = 500;

// Protobuf takes "a(b,c)" for the paths "a.b" and "a.c" in a mask, and writes
// all of them out: terabytes, of a mask of a few MiB. Longer strings have no
// parenthesis where there is a mask.
constexpr size_t kMaxWithParenthesis = 256;

bool HasMask(const Descriptor& type) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto* const message = type.field(i)->message_type();
    if (message != nullptr &&
        message->well_known_type() == Descriptor::WELLKNOWNTYPE_FIELDMASK) {
      return true;
    }
  }
  return false;
}

// What strings are in: Protobuf takes either.
constexpr absl::string_view kQuotes = "\"'";

// Where the string ends that begins at `begin`: behind its quote, or with
// `json`.
size_t EndOfString(absl::string_view json, size_t begin) {
  const char quote = json[begin];
  size_t end = begin + 1;
  while (end < json.size() && json[end] != quote) {
    end += json[end] == '\\' ? 2 : 1;
  }
  return std::min(end, json.size() - 1) + 1;
}

// Whether a string of `json` is longer than that and has a parenthesis, which
// may be escaped.
bool HasLongParenthesis(absl::string_view json) {
  for (size_t begin = json.find_first_of(kQuotes);
       begin != absl::string_view::npos;
       begin = json.find_first_of(kQuotes, begin)) {
    const size_t end = EndOfString(json, begin);
    const absl::string_view text = json.substr(begin + 1, end - begin - 2);
    if (text.size() > kMaxWithParenthesis &&
        (absl::StrContains(text, '(') || absl::StrContains(text, "\\u0028"))) {
      return true;
    }
    begin = end;
  }
  return false;
}

// Protobuf counts objects within one another, and not arrays, each of which may
// take 300 bytes of it. No request has as many.
constexpr int kMaxDepth = 100;

// Whether arrays and objects of `json` are deeper than that.
bool IsTooDeep(absl::string_view json) {
  int depth = 0;
  for (size_t i = 0; i < json.size();) {
    if (absl::StrContains(kQuotes, json[i])) {
      i = EndOfString(json, i);
      continue;
    }
    if (json[i] == '[' || json[i] == '{') ++depth;
    if (json[i] == ']' || json[i] == '}') --depth;
    if (depth > kMaxDepth) return true;
    ++i;
  }
  return false;
}

std::unique_ptr<Message> NewMessage(const Descriptor& type) {
  return std::unique_ptr<Message>(
      MessageFactory::generated_factory()->GetPrototype(&type)->New());
}

bool IsFieldName(absl::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
  });
}

// Protobuf writes "(PATH) NAME: REASON", of a field of the message at that
// path, "(PATH): REASON" and "NAME: REASON"; and what is of no field as it
// likes.
absl::Status InvalidJson(absl::string_view text) {
  text = text.substr(0, kMaxReason);
  absl::string_view path;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "(")) {
    const size_t end = std::min(rest.find(')'), rest.size());
    path = rest.substr(0, end);
    rest =
        absl::StripLeadingAsciiWhitespace(absl::ClippedSubstr(rest, end + 1));
  }
  const size_t colon = rest.find(": ");
  const absl::string_view name =
      rest.substr(0, colon == absl::string_view::npos ? 0 : colon);
  if (IsFieldName(name)) {
    return InvalidField(absl::StrCat(path, path.empty() ? "" : ".", name),
                        rest.substr(colon + 2));
  }
  if (!path.empty()) return InvalidField(path, absl::StripPrefix(rest, ": "));
  return absl::InvalidArgumentError(
      absl::StrCat("the request is no JSON of this method's: ",
                   absl::StripPrefix(rest, ": ")));
}

}  // namespace

absl::string_view Codec::content_type() const {
  return std::ranges::find_if(kCodecs,
                              [this](const Named& named) {
                                return named.codec.is_json == is_json &&
                                       named.codec.is_stream == is_stream;
                              })
      ->content_type;
}

std::optional<Codec> CodecOf(absl::string_view content_type) {
  const absl::string_view type = absl::StripAsciiWhitespace(
      content_type.substr(0, content_type.find(';')));
  for (const Named& named : kCodecs) {
    if (absl::EqualsIgnoreCase(type, named.content_type)) return named.codec;
  }
  return std::nullopt;
}

absl::StatusOr<std::string> Decode(const Codec& codec, const Descriptor& type,
                                   absl::string_view message) {
  if (!codec.is_json || absl::StripAsciiWhitespace(message).empty()) {
    return std::string(codec.is_json ? "" : message);
  }
  if (HasMask(type) && HasLongParenthesis(message)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a string of more than ", kMaxWithParenthesis,
        " bytes has a parenthesis: write each path of the mask in full, or use "
        "application/proto"));
  }
  if (IsTooDeep(message)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the request is no JSON of this method's: it has more than ", kMaxDepth,
        " arrays and objects within one another"));
  }
  const std::unique_ptr<Message> parsed = NewMessage(type);
  const auto status = google::protobuf::util::JsonStringToMessage(
      google::protobuf::StringPiece(message.data(), message.size()),
      parsed.get());
  if (!status.ok()) {
    return InvalidJson({status.message().data(), status.message().size()});
  }
  return parsed->SerializeAsString();
}

absl::StatusOr<std::string> Encode(const Codec& codec, const Descriptor& type,
                                   std::string message) {
  if (!codec.is_json) return message;
  const std::unique_ptr<Message> parsed = NewMessage(type);
  std::string json;
  if (!parsed->ParseFromString(message) ||
      !google::protobuf::util::MessageToJsonString(*parsed, &json).ok()) {
    return absl::InternalError(
        "the service's answer cannot be told in JSON; ask for "
        "application/proto, or use gRPC");
  }
  return json;
}

}  // namespace tcptool::server
