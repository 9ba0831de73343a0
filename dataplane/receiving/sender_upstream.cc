#include "dataplane/receiving/sender_upstream.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::dataplane {
namespace {

absl::StatusOr<UniqueFd> SayByte(SocketApi& sockets, UniqueFd socket,
                                 const SenderOptions& options) {
  WatchSender(socket.get(), options.dead_timeout);
  const std::byte byte{options.start ? std::byte{1} : std::byte{0}};
  const ssize_t sent = sockets.Send(socket.get(), {&byte, 1});
  if (sent == 1) return socket;
  return absl::UnavailableError(absl::StrCat(
      "the sender has closed the connection at once; it may have ended, or not "
      "allow this host: ",
      std::generic_category().message(static_cast<int>(-sent))));
}

}  // namespace

void SenderUpstream::Connect(Lane& lane, uint64_t, const absl::Status&,
                             Done done) {
  dialer_ = std::make_shared<Dialer>(
      lane.io(), options_.target,
      [this, &sockets = lane.sockets(),
       done = std::move(done)](absl::StatusOr<UniqueFd> socket) mutable {
        dialer_ = nullptr;
        if (socket.ok()) {
          return done(SayByte(sockets, *std::move(socket), options_));
        }
        done(
            absl::Status(socket.status().code(),
                         absl::StrCat("connecting to ", NameOf(options_.target),
                                      ": ", socket.status().message())));
      });
  dialer_->Start();
}

void SenderUpstream::Cancel() {
  if (dialer_ != nullptr) std::exchange(dialer_, nullptr)->Cancel();
}

}  // namespace tcptool::dataplane
