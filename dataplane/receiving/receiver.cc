#include "dataplane/receiving/receiver.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "dataplane/lanes/socket_api.h"
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::dataplane {
namespace {

using asio::ip::tcp;

// How soon it is looked whether the end is acknowledged, and then each time
// after half as long again: the kernel tells nobody.
constexpr std::chrono::milliseconds kFirstPause{1};
constexpr std::chrono::milliseconds kLongestPause{250};

// How soon it is looked whether a reader that is waited for is near.
constexpr std::chrono::milliseconds kReaderPause{1};

absl::Status StatusOf(int error) {
  if (error == 0) return absl::OkStatus();
  return absl::UnavailableError(std::generic_category().message(error));
}

}  // namespace

Receiver::Receiver(Lane& lane, UpstreamConnection connection,
                   std::shared_ptr<DiskWriter> writer, uint64_t position,
                   Owner& owner)
    : lane_(lane),
      socket_(lane.io()),
      tls_(std::move(connection.tls)),
      writer_(std::move(writer)),
      owner_(&owner),
      position_(position),
      timer_(lane.io()) {
  UniqueFd& socket = connection.socket;
  auto size = static_cast<socklen_t>(peer_.capacity());
  if (getpeername(socket.get(), peer_.data(), &size) == 0) peer_.resize(size);
  std::error_code error;
  socket_.assign(peer_.protocol(), socket.get(), error);
  if (!error) socket.release();
}

void Receiver::Start() {
  if (!socket_.is_open()) {
    return owner_->Lost(absl::ResourceExhaustedError(
        "the service could not watch one more connection"));
  }
  Wait();
}

void Receiver::Wait() {
  is_waiting_ = true;
  socket_.async_wait(tcp::socket::wait_read,
                     [self = shared_from_this()](std::error_code error) {
                       self->is_waiting_ = false;
                       if (!error) self->Read();
                     });
}

void Receiver::Resume() {
  if (is_waiting_ || has_ended_) return;
  silent_since_ = Clock::now();
  Read();
}

void Receiver::ResumeSoon() {
  timer_.expires_after(kReaderPause);
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (!error) self->Resume();
  });
}

void Receiver::Read() {
  if (!socket_.is_open() || has_ended_) return;
  for (size_t began = position_; position_ - began < kTurn;) {
    switch (ReadPiece()) {
      case Next::kMore:
        continue;
      case Next::kWait:
        return Wait();
      case Next::kStop:
        return;
    }
  }
  // asio's wait would do, and cost a system call.
  is_waiting_ = true;
  asio::post(lane_.io(), [self = shared_from_this()] {
    self->is_waiting_ = false;
    self->Read();
  });
}

Receiver::Next Receiver::ReadPiece() {
  const uint64_t index = position_ / kManifestBlock;
  const size_t filled = position_ % kManifestBlock;
  if (block_ == nullptr) block_ = writer_->Open(index);
  if (block_ == nullptr) {
    if (writer_->AwaitsReader()) ResumeSoon();
    return Next::kStop;  // Until Resume().
  }
  const ssize_t got = calls().Receive(
      descriptor(), block_->first(kManifestBlock).subspan(filled));
  if (got == -EAGAIN) return Next::kWait;
  if (got < 0) {
    Fail(static_cast<int>(-got));
    return Next::kStop;
  }
  if (got == 0) {
    // A reset right behind the end is in the socket's error alone.
    if (const int error = TakePendingError(descriptor())) {
      Fail(error);
      return Next::kStop;
    }
    StopWatchingSender(descriptor());
    has_ended_ = true;
    ended_at_ = silent_since_ = Clock::now();
    owner_->Ended();
    return Next::kStop;
  }
  position_ += static_cast<uint64_t>(got);
  silent_since_ = Clock::now();
  if (position_ % kManifestBlock == 0) {
    writer_->Write(index, std::exchange(block_, nullptr), kManifestBlock);
  }
  owner_->Received(position_);
  return socket_.is_open() && !has_ended_ ? Next::kMore : Next::kStop;
}

void Receiver::Flush() {
  has_ended_ = true;
  const size_t filled = position_ % kManifestBlock;
  if (block_ == nullptr || filled == 0) return;
  writer_->Write(position_ / kManifestBlock, std::exchange(block_, nullptr),
                 filled);
}

void Receiver::Fail(int error) {
  Owner* const owner = owner_;
  Reset();
  owner->Lost(tls_ != nullptr && error == EPROTO
                  ? absl::UnavailableError(tls_->error())
                  : StatusOf(error));
}

Receiver::Clock::time_point Receiver::silent_since() const {
  const bool is_silent = has_ended_ || (is_waiting_ && IsSilent(descriptor()));
  return is_silent ? silent_since_ : Clock::now();
}

absl::Status Receiver::Check() const {
  return StatusOf(TakePendingError(descriptor()));
}

void Receiver::EndInOrder(absl::AnyInvocable<void(absl::Status)> done) {
  const int socket = descriptor();
  EndInOrderOnClose(socket);
  const Clock::time_point now = Clock::now();
  // What a sender of 2008 has forgotten may answer with a reset.
  const bool is_remembered = now - ended_at_ < kClosedSocketsAreRemembered;
  done_ = [done = std::move(done), is_remembered](absl::Status status) mutable {
    done(is_remembered ? std::move(status) : absl::OkStatus());
  };
  end_deadline_ = now + kAcknowledgementTimeout;
  pause_ = kFirstPause;
  calls().ShutdownWrite(socket);  // An error is seen by CheckEnd().
  CheckEnd();
}

void Receiver::CheckEnd() {
  // The state first: an error that comes between the two is not missed.
  const bool is_closed = IsClosed(descriptor());
  absl::Status status = Check();
  if (is_closed || !status.ok() || Clock::now() >= end_deadline_) {
    auto done = std::move(done_);
    std::error_code ignored;
    socket_.close(ignored);
    return done(std::move(status));
  }
  timer_.expires_after(pause_);
  pause_ = std::min<Clock::duration>(pause_ + pause_ / 2, kLongestPause);
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (!error && self->socket_.is_open()) self->CheckEnd();
  });
}

void Receiver::CloseInOrder() {
  owner_ = nullptr;
  has_ended_ = true;
  block_ = nullptr;
  writer_ = nullptr;  // Its file is not kept open for the sender.
  // What ends a connection that is encrypted are bytes, which nobody reads any
  // more: a socket that is closed before they have come resets the connection.
  if (tls_ != nullptr) return EndInOrder([](const absl::Status&) {});
  EndInOrderOnClose(descriptor());
  std::error_code ignored;
  socket_.close(ignored);
}

void Receiver::Reset() {
  owner_ = nullptr;
  timer_.cancel();
  block_ = nullptr;
  if (!socket_.is_open()) return;
  ResetOnClose(descriptor());
  std::error_code ignored;
  socket_.close(ignored);
}

}  // namespace tcptool::dataplane
