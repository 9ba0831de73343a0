#include "dataplane/receiving/push_upstream.h"

#include <sys/socket.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace tcptool::dataplane {

using asio::local::stream_protocol;

// Writes the pieces into one end of the pair. Lives on the lane's thread.
class PushUpstream::Pump : public std::enable_shared_from_this<Pump> {
 public:
  Pump(Lane& lane, std::shared_ptr<PushedContent> content,
       ContentClaims* claims)
      : lane_(lane),
        content_(std::move(content)),
        claims_(claims),
        socket_(lane.io()) {}

  absl::Status Start(UniqueFd socket) {
    std::error_code error;
    socket_.assign(stream_protocol(), socket.get(), error);
    if (error) {
      return absl::ResourceExhaustedError(
          "the service could not watch one more descriptor");
    }
    socket.release();
    is_attached_ =
        content_->Attach([&io = lane_.io(), weak = weak_from_this()] {
          asio::post(io, [weak] {
            const auto self = weak.lock();
            if (self != nullptr) self->WriteNext();
          });
        });
    if (is_attached_) return absl::OkStatus();
    return absl::AbortedError(
        "another reception may have had a part of what is pushed");
  }

  void Stop() {
    if (is_attached_) content_->Detach();
    claims_ = nullptr;
    std::error_code ignored;
    socket_.close(ignored);
  }

 private:
  void WriteNext() {
    if (claims_ == nullptr) return;
    // No piece, and no end, while one is being written; but a failure.
    PushedContent::Next next = content_->TakeNext();
    if (!next.failure.ok()) return claims_->GiveUp(next.failure);
    if (next.is_end) {
      std::error_code ignored;
      socket_.shutdown(stream_protocol::socket::shutdown_send, ignored);
      return;
    }
    if (next.piece.empty()) return;
    piece_ = std::move(next.piece);
    asio::async_write(
        socket_, asio::buffer(piece_),
        [self = shared_from_this()](std::error_code error, size_t) {
          self->Written(error);
        });
  }

  // An error: the reception has ended, and says why by itself.
  void Written(std::error_code error) {
    piece_ = {};
    if (error || claims_ == nullptr) return;
    content_->Taken();
    WriteNext();
  }

  Lane& lane_;
  const std::shared_ptr<PushedContent> content_;
  ContentClaims* claims_;  // Null: the reception is over.
  bool is_attached_ = false;
  stream_protocol::socket socket_;
  std::string piece_;  // While it is written.
};

void PushUpstream::Connect(Lane& lane, uint64_t, const absl::Status&,
                           Done done) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                 ends.data()) != 0) {
    return done(absl::ErrnoToStatus(
        errno, "cannot make a pair of sockets for what is pushed"));
  }
  UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  pump_ = std::make_shared<Pump>(lane, content_, claims_);
  if (absl::Status status = pump_->Start(std::move(ours)); !status.ok()) {
    return done(status);
  }
  done(std::move(theirs));
}

void PushUpstream::Cancel() {
  if (pump_ != nullptr) std::exchange(pump_, nullptr)->Stop();
}

}  // namespace tcptool::dataplane
