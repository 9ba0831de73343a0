#include "server/front/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <asio/error_code.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/front/reset_on_close.h"
#include "server/front/stranger_buffers.h"
#include "server/front/unacknowledged.h"
#include "server/front/unix_send_buffer.h"

namespace tcptool::server {
namespace {

// Reads and writes before other connections get their turn.
constexpr int kRounds = 4;

// Of a stranger, at a time.
constexpr size_t kStrangerReadBytes = 16 << 10;

// Of gRPC, at a time: so much is held of what a client does not read.
constexpr size_t kGrpcReadBytes = 64 << 10;

// Whether the other end of a Unix socket is closed, whatever is unread.
bool IsClosedByPeer(int fd) {
  pollfd polled = {.fd = fd, .events = POLLRDHUP, .revents = 0};
  return poll(&polled, 1, 0) > 0;
}

}  // namespace

void Connection::Held::Add(absl::string_view more) {
  bytes_.erase(0, std::exchange(taken_, 0));
  absl::StrAppend(&bytes_, more);
}

void Connection::Held::Take(size_t count) {
  taken_ += count;
  if (!empty()) return;
  bytes_.clear();
  taken_ = 0;
}

void Connection::Held::Shrink() {
  if (empty()) bytes_ = std::string();
}

Connection::Connection(asio::io_context& io, dataplane::UniqueFd client,
                       SSL_CTX* tls, dataplane::UniqueFd grpc,
                       StrangerSlots& slots, absl::Span<char> scratch,
                       Events events)
    : io_(io),
      client_(io),
      stream_(client.get(), tls),
      grpc_(io),
      scratch_(scratch),
      events_(std::move(events)),
      calls_(slots, [this] {
        asio::post(io_, [weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->Pump();
        });
      }) {
  // Fails where the kernel has no memory for it; then Start() ends.
  asio::error_code error;
  client_.assign(client.get(), error);
  if (!error) {
    SetUnixSendBuffer(client.get(), kUnixSendBytes);
    client.release();
  }
  grpc_.assign(grpc.get(), error);
  if (!error) grpc.release();
}

void Connection::Start() {
  if (client_.is_open() && grpc_.is_open()) return Pump();
  Finish();
}

void Connection::Trust() {
  if (ended_) return;
  trusted_ = true;
  ReleaseBuffers(client_.native_handle());
  stream_.ExpectMuch();
  calls_.Clear();
  Pump();
}

void Connection::MakeRoom() {
  if (ended_ || client_closed_) return;
  Refuse("a newer connection needs its place");
  Pump();
}

void Connection::Revoke() {
  if (ended_ || revoked_at_) return;
  revoked_at_ = Clock::now();
  to_grpc_.Take(to_grpc_.bytes().size());
}

void Connection::Tick(Clock::time_point now) {
  if (ended_) return;
  if (revoked_at_ && now - *revoked_at_ >= kLastWords) EndGrpcInput();
  const bool took = std::exchange(client_took_, false);
  if (to_client_.empty() || HasTaken() || took) takes_nothing_since_ = now;
  if (now - takes_nothing_since_ >= kTakesNothing) {
    Refuse("it takes nothing of what it is sent");
    return Pump();
  }
  // While the client takes nothing, gRPC's connection is not read, and its end
  // comes to nobody.
  if (!grpc_ended_at_ && IsClosedByPeer(grpc_.native_handle())) {
    grpc_ended_at_ = now;
  }
  if (grpc_ended_at_ && now - *grpc_ended_at_ >= kPatience) return Finish();
  if (!client_closed_ && now - calls_.UnansweredSince(now) >= kPatience) {
    Refuse("a call of it has no answer");
    Pump();
  }
}

bool Connection::HasTaken() {
  const int unread = Unacknowledged(client_.native_handle());
  return unread < std::exchange(unread_, unread);
}

void Connection::Pump() {
  for (int round = 0; round < kRounds && !ended_; ++round) {
    wants_ = {};
    const bool to_grpc = MoveToGrpc();
    const bool to_client = MoveToClient();
    if (!to_grpc && !to_client) return WaitForWants();
  }
  if (ended_) return;
  asio::post(io_, [self = shared_from_this()] { self->Pump(); });
}

bool Connection::MoveToGrpc() {
  if (grpc_input_ended_ || revoked_at_) return false;
  if (trusted_ && to_grpc_.empty()) {
    const absl::string_view bytes = ReadClient(scratch_);
    if (bytes.empty()) return false;
    to_grpc_.Add(bytes.substr(SendToGrpc(bytes)));
    return true;
  }
  if (trusted_) admitted_ = to_grpc_.bytes().size();
  if (admitted_ == 0 && !AdmitMore()) return false;
  const size_t sent = SendToGrpc(to_grpc_.bytes().substr(0, admitted_));
  admitted_ -= sent;
  to_grpc_.Take(sent);
  return sent > 0;
}

bool Connection::AdmitMore() {
  while (true) {
    const StrangerCalls::Admitted some = calls_.Admit(to_grpc_.bytes());
    admitted_ = some.bytes;
    if (admitted_ > 0) return true;
    switch (some.next) {
      case StrangerCalls::Next::kMore:
        break;
      case StrangerCalls::Next::kWait:
        return false;
      case StrangerCalls::Next::kReset:
        Refuse(calls_.why());
        return false;
    }
    const absl::string_view bytes =
        ReadClient(scratch_.subspan(0, kStrangerReadBytes));
    if (bytes.empty()) return false;
    to_grpc_.Add(bytes);
  }
}

size_t Connection::SendToGrpc(absl::string_view bytes) {
  const ssize_t count =
      send(grpc_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (count >= 0) return static_cast<size_t>(count);
  if (errno == EAGAIN) {
    wants_.grpc_room = true;
  } else {
    grpc_input_ended_ = true;  // Its end comes to MoveToClient().
  }
  return 0;
}

absl::string_view Connection::ReadClient(absl::Span<char> into) {
  const ClientStream::Moved moved = stream_.Read(into);
  NoteReady();
  if (moved.result == ClientStream::Result::kDone) {
    return {into.data(), moved.bytes};
  }
  OnClientBlocked(moved.result);
  return {};
}

bool Connection::MoveToClient() {
  bool moved = false;
  if (!to_client_.empty()) {
    const size_t written = WriteClient(to_client_.bytes());
    to_client_.Take(written);
    client_took_ |= written > 0;
    moved = written > 0 || client_closed_;
    const bool full = !to_client_.empty();
    if (full && (trusted_ || expects_trust_)) return moved;
    if (full && to_client_.bytes().size() > kMaxUnreadBytes) {
      Refuse("it leaves its answers unread");
    }
  }
  if (!grpc_ended_) return ReadGrpc() || moved;
  if (to_client_.empty() || !stream_.ready()) Finish();
  return moved;
}

size_t Connection::WriteClient(absl::string_view bytes) {
  const ClientStream::Moved moved = stream_.Write(bytes);
  NoteReady();
  if (moved.result == ClientStream::Result::kDone) return moved.bytes;
  OnClientBlocked(moved.result);
  return 0;
}

bool Connection::ReadGrpc() {
  const ssize_t count =
      recv(grpc_.native_handle(), scratch_.data(), kGrpcReadBytes, 0);
  if (count < 0 && errno == EAGAIN) {
    wants_.grpc_input = true;
    return false;
  }
  if (count <= 0) {
    grpc_ended_ = grpc_input_ended_ = true;
    if (!grpc_ended_at_) grpc_ended_at_ = Clock::now();
    calls_.Clear();
    return true;
  }
  absl::string_view bytes(scratch_.data(), static_cast<size_t>(count));
  if (!trusted_) calls_.OnAnswer(bytes);
  if (!client_closed_ && to_client_.empty()) {
    bytes.remove_prefix(WriteClient(bytes));
  }
  if (!client_closed_) to_client_.Add(bytes);
  return true;
}

void Connection::OnClientBlocked(ClientStream::Result result) {
  switch (result) {
    case ClientStream::Result::kDone:
      return;
    case ClientStream::Result::kWaitsForInput:
      wants_.client_input = true;
      return;
    case ClientStream::Result::kWaitsForRoom:
      wants_.client_room = true;
      return;
    case ClientStream::Result::kEnd:
      EndGrpcInput();
      return;
    case ClientStream::Result::kLost:
      if (stream_.ready()) {
        ResetOnClose(client_.native_handle());
        return CloseClient();
      }
      events_.on_refused(absl::StrCat("TLS: ", stream_.error()));
      // It gets the end when gRPC, which has seen nothing of it, has closed its
      // connection: who looks whether the port works finds gRPC too.
      EndGrpcInput();
  }
}

void Connection::NoteReady() {
  if (ready_ || !stream_.ready()) return;
  ready_ = true;
  events_.on_ready(stream_.certificate().get());
}

void Connection::Refuse(absl::string_view why) {
  events_.on_refused(why);
  ResetOnClose(client_.native_handle());
  CloseClient();
}

void Connection::EndGrpcInput() {
  if (std::exchange(grpc_input_ended_, true)) return;
  shutdown(grpc_.native_handle(), SHUT_WR);
}

void Connection::CloseClient() {
  client_closed_ = true;
  asio::error_code ignored;
  client_.close(ignored);
  to_client_.Take(to_client_.bytes().size());
  EndGrpcInput();
}

void Connection::Finish() {
  ended_ = true;
  calls_.Clear();
  dataplane::UniqueFd unacknowledged;
  if (!client_closed_) {
    stream_.SayEnd();
    if (!trusted_ && !HasAll(client_.native_handle())) {
      unacknowledged = dataplane::UniqueFd(client_.release());
    }
  }
  asio::error_code ignored;
  client_.close(ignored);
  grpc_.close(ignored);
  events_.on_end(std::move(unacknowledged));
}

void Connection::WaitForWants() {
  to_grpc_.Shrink();
  to_client_.Shrink();
  if (wants_.client_input) WaitFor(client_, true, waits_.client_input);
  if (wants_.client_room) WaitFor(client_, false, waits_.client_room);
  if (wants_.grpc_input) WaitFor(grpc_, true, waits_.grpc_input);
  if (wants_.grpc_room) WaitFor(grpc_, false, waits_.grpc_room);
}

void Connection::WaitFor(asio::posix::stream_descriptor& fd, bool input,
                         bool& waits) {
  if (std::exchange(waits, true)) return;
  fd.async_wait(input ? asio::posix::stream_descriptor::wait_read
                      : asio::posix::stream_descriptor::wait_write,
                [self = shared_from_this(), &waits](asio::error_code error) {
                  waits = false;
                  if (!error && !self->ended_) self->Pump();
                });
}

}  // namespace tcptool::server
