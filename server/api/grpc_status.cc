#include "server/api/grpc_status.h"

#include <string>
#include <utility>

#include "absl/strings/cord.h"

namespace tcptool::server {
namespace {

// Percent-encoding in the trailers takes up to three characters for a byte.
constexpr size_t kMaxMessageBytes = 2000;

// Of a payload of statuses that are not to be tried again.
constexpr char kTriedForLong[] = "tcptool/tried-for-long";

bool ContinuesCharacter(char byte) { return (byte & 0xC0) == 0x80; }  // UTF-8.

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  std::string message(status.message());
  if (message.size() > kMaxMessageBytes) {
    size_t end = kMaxMessageBytes;
    while (end > 0 && ContinuesCharacter(message[end])) --end;
    message.resize(end);
    message += "...";
  }
  return {static_cast<grpc::StatusCode>(status.code()), message};
}

absl::Status TriedForLong(absl::Status status) {
  status.SetPayload(kTriedForLong, absl::Cord());
  return status;
}

bool IsTriedForLong(const absl::Status& status) {
  return status.GetPayload(kTriedForLong).has_value();
}

}  // namespace tcptool::server
