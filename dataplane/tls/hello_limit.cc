#include "dataplane/tls/hello_limit.h"

namespace tcptool::dataplane {
namespace {

constexpr uint32_t kClientHello = 1;  // The type of the message.

}  // namespace

void HelloLimit::Expect(size_t bytes) {
  missing_ = sizeof(header_);
  if (bytes < missing_) exceeded_ = true;
}

bool HelloLimit::Admits(absl::string_view bytes) {
  for (; missing_ > 0 && !bytes.empty(); bytes.remove_prefix(1)) {
    header_ = header_ << 8 | static_cast<uint8_t>(bytes.front());
    if (--missing_ > 0) continue;
    exceeded_ |=
        header_ >> 24 != kClientHello || (header_ & 0xFF'FFFF) > kMaxBytes;
  }
  return !exceeded_;
}

}  // namespace tcptool::dataplane
