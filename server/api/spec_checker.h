// Checks the fields of a spec, a session's or a reception's.
#ifndef TCPTOOL_SERVER_API_SPEC_CHECKER_H_
#define TCPTOOL_SERVER_API_SPEC_CHECKER_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/map.h>

#include <asio/ip/address.hpp>
#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "messages/time.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {

// Keeps what is wrong with each field. Fields are named by their path below the
// spec: "limits.stall_timeout".
class SpecChecker {
 public:
  static constexpr size_t kMaxLabelBytes = 255;
  static constexpr size_t kMaxPathBytes = 4096;

  // `prefix`: the path of the spec in its request, "session.spec.".
  explicit SpecChecker(std::string prefix) : prefix_(std::move(prefix)) {}

  bool ok() const { return wrong_.empty(); }
  // InvalidFields::status().
  absl::Status status() const { return wrong_.status(); }

  void Wrong(absl::string_view field, absl::string_view what);

  template <typename Number>
  Number InRange(absl::string_view field, Number value, Number low,
                 Number high) {
    if (value < low || value > high) {
      Wrong(field,
            absl::StrCat(value, " is not in the range ", low, " to ", high));
    }
    return value;
  }

  // Returns the duration in a field of `message`; sets the field to `fallback`
  // if it is not set.
  template <typename Message>
  absl::Duration InRange(absl::string_view field, Message& message,
                         bool (Message::*has)() const,
                         google::protobuf::Duration* (Message::*mutate)(),
                         absl::Duration fallback, absl::Duration low,
                         absl::Duration high) {
    if ((message.*has)()) {
      return InRange(field, *(message.*mutate)(), low, high);
    }
    *(message.*mutate)() = ToProtoDuration(fallback);
    return fallback;
  }
  absl::Duration InRange(absl::string_view field,
                         const google::protobuf::Duration& given,
                         absl::Duration low, absl::Duration high);

  asio::ip::address Address(absl::string_view field, const std::string& text);

  // Of a file below one of the node's roots. `field`: the message that has
  // both.
  void Path(absl::string_view field, const std::string& root,
            const std::string& path);

  void Labels(absl::string_view field,
              const google::protobuf::Map<std::string, std::string>& labels);

 private:
  const std::string prefix_;
  InvalidFields wrong_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_SPEC_CHECKER_H_
