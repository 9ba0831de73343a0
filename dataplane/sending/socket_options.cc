#include "dataplane/sending/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace tcptool::dataplane {
namespace {

void SetOption(int socket, int level, int option, int value) {
  setsockopt(socket, level, option, &value, sizeof value);
}

}  // namespace

void EnableKeepalive(int socket, absl::Duration dead_timeout) {
  // A probe costs a packet and its answer, 4,000 packets a second for 10,000
  // recipients that wait.
  constexpr int kIdleSeconds = 5;
  constexpr int kProbes = 3;
  constexpr int64_t kMaxIntervalSeconds = 32'767;  // Of TCP_KEEPINTVL.
  const int interval = static_cast<int>(std::clamp<int64_t>(
      absl::ToInt64Seconds(dead_timeout / kProbes), 1, kMaxIntervalSeconds));
  SetOption(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, interval);
  SetOption(socket, IPPROTO_TCP, TCP_KEEPCNT, kProbes);
}

void ProbeNow(int socket) {
  SetOption(socket, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  // Restarts the keepalive timer, which has then expired already.
  SetOption(socket, IPPROTO_TCP, TCP_KEEPIDLE, 1);
}

void SetCork(int socket, bool corked) {
  SetOption(socket, IPPROTO_TCP, TCP_CORK, corked ? 1 : 0);
}

void SetPacing(int socket, uint64_t bytes_per_second) {
  // 32 bits are 4 GB/s: higher rates are no limit in practice, and the highest
  // is none for the kernel.
  constexpr uint32_t kNone = ~0u;
  const uint32_t rate =
      bytes_per_second == 0
          ? kNone
          : static_cast<uint32_t>(std::min<uint64_t>(bytes_per_second, kNone));
  setsockopt(socket, SOL_SOCKET, SO_MAX_PACING_RATE, &rate, sizeof rate);
}

void SetMaxUnsent(int socket, size_t bytes) {
  SetOption(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, static_cast<int>(bytes));
}

}  // namespace tcptool::dataplane
