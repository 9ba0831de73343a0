#include "server/rpc/probe_call.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/base/clock.h"
#include "server/front/http2_frame.h"

namespace tcptool::server {
namespace {

using dataplane::Clock;

constexpr absl::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static_assert(kPreface.size() == kHttp2PrefaceBytes);

// Of the call: the first that a client may use.
constexpr uint32_t kStream = 1;

// A message of gRPC's without a byte: not compressed, of length 0.
constexpr absl::string_view kEmptyMessage("\0\0\0\0\0", 5);

std::string Frame(Http2Frame::Type type, uint8_t flags, uint32_t stream,
                  absl::string_view payload) {
  std::string frame(Http2Frame::kHeaderBytes, '\0');
  frame[1] = static_cast<char>(payload.size() >> 8);
  frame[2] = static_cast<char>(payload.size());
  frame[3] = static_cast<char>(type);
  frame[4] = static_cast<char>(flags);
  frame[8] = static_cast<char>(stream);
  return absl::StrCat(frame, payload);
}

// HPACK's literal header without indexing (RFC 7541, section 6.2.2). Both are
// shorter than 127 bytes.
std::string Header(absl::string_view name, absl::string_view value) {
  return absl::StrCat(absl::string_view("\0", 1),
                      std::string(1, static_cast<char>(name.size())), name,
                      std::string(1, static_cast<char>(value.size())), value);
}

std::string Call() {
  const std::string headers =
      absl::StrCat(Header(":method", "POST"), Header(":scheme", "http"),
                   Header(":path", "/grpc.health.v1.Health/Check"),
                   Header(":authority", "localhost"), Header("te", "trailers"),
                   Header("content-type", "application/grpc"));
  return absl::StrCat(
      kPreface, Frame(Http2Frame::kSettings, 0, 0, ""),
      Frame(Http2Frame::kHeaders, Http2Frame::kEndHeaders, kStream, headers),
      Frame(Http2Frame::kData, Http2Frame::kEndStream, kStream, kEmptyMessage));
}

// Whether `bytes`, whole frames and a part of one, have the answer's first.
// Removes the whole ones.
bool HaveAnswer(std::string& bytes) {
  while (true) {
    const std::optional<Http2Frame> frame = Http2Frame::At(bytes);
    if (!frame || bytes.size() < frame->size()) return false;
    if (frame->stream == kStream && (frame->type == Http2Frame::kHeaders ||
                                     frame->type == Http2Frame::kRstStream)) {
      return true;
    }
    bytes.erase(0, frame->size());
  }
}

}  // namespace

absl::Status MakeProbeCall(int connection, std::chrono::milliseconds timeout) {
  const Clock::time_point end = Clock::now() + timeout;
  // It fits into the kernel's buffer.
  const std::string call = Call();
  if (send(connection, call.data(), call.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(call.size())) {
    return absl::UnavailableError(absl::StrCat("send: ", std::strerror(errno)));
  }
  std::string received;
  std::array<char, 4096> part{};
  while (!HaveAnswer(received)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - Clock::now());
    pollfd polled = {.fd = connection, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 ||
        poll(&polled, 1, static_cast<int>(left.count())) == 0) {
      return absl::UnavailableError("gRPC does not answer a call in time");
    }
    const ssize_t got = recv(connection, part.data(), part.size(), 0);
    if (got > 0) {
      received.append(part.data(), static_cast<size_t>(got));
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      return absl::UnavailableError("gRPC ends the connection of a call");
    }
  }
  return absl::OkStatus();
}

}  // namespace tcptool::server
