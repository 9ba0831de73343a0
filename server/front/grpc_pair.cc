#include "server/front/grpc_pair.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/front/unix_send_buffer.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

// gRPC's name of a peer is kScheme, and the name of its socket: kBegins, random
// characters, "-", and the client's address.
constexpr absl::string_view kScheme = "unix-abstract:";
constexpr absl::string_view kBegins = "tcptoold-";
constexpr size_t kRandomCharacters = 32;

}  // namespace

GrpcPair NewGrpcPair(absl::string_view address) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 ends.data()) != 0) {
    return {};
  }
  GrpcPair pair = {.ours = UniqueFd(ends[0]), .grpcs = UniqueFd(ends[1])};
  // What gRPC has sent is in front of its keepalive pings: a slow client is to
  // have these in time.
  SetUnixSendBuffer(pair.grpcs.get(), kUnixSendBytes);
  // In the abstract namespace (unix(7)). A name that the kernel chooses may
  // come again while gRPC still has calls of the connection that had it before;
  // the next visitor would then answer for these. And nobody can take one
  // beforehand that he cannot guess.
  std::array<uint8_t, kRandomCharacters / 2> random{};
  if (getrandom(random.data(), random.size(), 0) !=
      static_cast<ssize_t>(random.size())) {
    return {};
  }
  pair.name = absl::StrCat(
      kScheme, kBegins,
      absl::BytesToHexString(absl::string_view(
          reinterpret_cast<const char*>(random.data()), random.size())),
      "-",
      // gRPC would write brackets as %5B and %5D.
      absl::StrReplaceAll(address, {{"[", "("}, {"]", ")"}}));
  const absl::string_view path =
      absl::StripPrefix(absl::string_view(pair.name), kScheme);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path + 1, sizeof(name.sun_path) - 1);
  if (bind(pair.ours.get(), reinterpret_cast<const sockaddr*>(&name),
           offsetof(sockaddr_un, sun_path) + 1 + path.size()) != 0) {
    return {};
  }
  return pair;
}

std::string AddressIn(absl::string_view name) {
  // As NewGrpcPair() makes it.
  const std::string begins = absl::StrCat(kScheme, kBegins);
  if (!absl::ConsumePrefix(&name, begins)) return std::string(name);
  return absl::StrReplaceAll(absl::ClippedSubstr(name, kRandomCharacters + 1),
                             {{"(", "["}, {")", "]"}});
}

}  // namespace tcptool::server
