// How a recipient gets in: the handshake of TLS, where the session has that,
// who its certificate says that it is, and its byte.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/sending/handshake.h"
#include "dataplane/sending/recipient.h"

namespace tcptool::dataplane {
namespace {

bool MayConnect(const std::vector<std::string>& names,
                const std::vector<std::string>& allowed) {
  return allowed.empty() ||
         std::ranges::find_first_of(names, allowed) != names.end();
}

std::string DescribeStranger(const std::vector<std::string>& names) {
  if (names.empty()) {
    return "the recipient has shown no certificate that has a name, and only "
           "those with certain names may connect";
  }
  // A certificate may have 32 KiB of them.
  constexpr size_t kShown = 1000;
  std::string shown = absl::StrJoin(names, ", ");
  if (shown.size() > kShown) shown.replace(kShown, std::string::npos, "...");
  return absl::StrCat("none of the names of the recipient's certificate, ",
                      shown, ", may connect");
}

}  // namespace

void Recipient::OnHandshakeTimeout() {
  if (status_.state != RecipientState::kHandshaking) return;
  const bool by_tls = tls_ != nullptr && !tls_->ready();
  Close(RecipientState::kFailed, Reason::kHandshakeTimeout,
        absl::StrCat(by_tls ? "the handshake of TLS, which this port speaks, "
                              "was not done within "
                            : "no byte came within ",
                     absl::FormatDuration(limits_.handshake_timeout)));
}

void Recipient::WaitForHandshake(asio::socket_base::wait_type what) {
  socket_.async_wait(what, [self = shared_from_this()](std::error_code error) {
    if (error || self->closed()) return;
    self->OnHandshake();
  });
}

void Recipient::OnHandshake() {
  if (tls_ != nullptr && !tls_->ready() && !ShakeHandsByTls()) return;
  const Handshake handshake = PeekHandshake(sockets_, socket_.native_handle());
  switch (handshake.outcome) {
    case Handshake::Outcome::kPending:
      return WaitForHandshake();
    case Handshake::Outcome::kClosed:
      if (handshake.error < 0) {
        return Lost(handshake.error, Reason::kHandshakeClosed);
      }
      return Close(RecipientState::kFailed, Reason::kHandshakeClosed,
                   "the recipient closed before it sent its byte");
    case Handshake::Outcome::kTls:
      return Close(RecipientState::kFailed, Reason::kTlsFailed,
                   "the recipient speaks TLS, and the session is in clear "
                   "text: have it connect without TLS, or the session made "
                   "with encryption");
    case Handshake::Outcome::kReady:
      timer_.cancel();
      ready_ = Clock::now();
      status_.start_byte = handshake.start_byte;
      status_.handshake_time = absl::FromChrono(ready_ - opened_);
      status_.state = RecipientState::kReady;
      owner_.Changed(*this);
      return WaitForLoss();
  }
}

bool Recipient::ShakeHandsByTls() {
  switch (tls_->Handshake()) {
    case TlsConnection::Outcome::kWaitsForInput:
      WaitForHandshake(asio::socket_base::wait_read);
      return false;
    case TlsConnection::Outcome::kWaitsForRoom:
      WaitForHandshake(asio::socket_base::wait_write);
      return false;
    case TlsConnection::Outcome::kClosed:
      Close(RecipientState::kFailed, Reason::kHandshakeClosed,
            "the recipient closed before the handshake of TLS was done");
      return false;
    case TlsConnection::Outcome::kFailed:
      Close(RecipientState::kFailed, Reason::kTlsFailed, tls_->error());
      return false;
    case TlsConnection::Outcome::kDone:
      OnTlsDone();
      return !closed();
  }
  return false;
}

void Recipient::OnTlsDone() {
  const std::vector<std::string>& names = tls_->names();
  if (!names.empty()) status_.identity = names.front();
  if (rules_ != nullptr && !MayConnect(names, rules_->names)) {
    return Close(RecipientState::kRejected, Reason::kNotAuthorized,
                 DescribeStranger(names));
  }
  // Of who was turned away they would be kept for nothing.
  if (!names.empty()) {
    status_.names = std::make_shared<const std::vector<std::string>>(names);
  }
}

}  // namespace tcptool::dataplane
