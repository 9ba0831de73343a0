// The forms that messages have over HTTP, by content type.
#ifndef TCPTOOL_SERVER_CONNECT_CODEC_H_
#define TCPTOOL_SERVER_CONNECT_CODEC_H_

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

struct Codec {
  bool is_json = false;
  bool is_stream = false;  // Messages are in envelopes.

  absl::string_view content_type() const;
};

// Of "application/json", "application/proto", "application/connect+json" and
// "application/connect+proto", with parameters or without. None: of others.
std::optional<Codec> CodecOf(absl::string_view content_type);

// A message of type `type` as gRPC has it. INVALID_ARGUMENT: it is no JSON of
// that type; the details have the field, where that is known. Without JSON, the
// message is taken for what it says that it is. An empty text is an empty
// message.
absl::StatusOr<std::string> Decode(const Codec& codec,
                                   const google::protobuf::Descriptor& type,
                                   absl::string_view message);

// And the other way.
absl::StatusOr<std::string> Encode(const Codec& codec,
                                   const google::protobuf::Descriptor& type,
                                   std::string message);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_CODEC_H_
