#include "server/peers/data_dial.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/lanes/socket_api.h"
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::server {
namespace {

using dataplane::TlsConnection;
using dataplane::UniqueFd;
using dataplane::UpstreamConnection;

absl::Status ClosedAtOnce() {
  return absl::UnavailableError(
      "the node's data port has closed the connection at once");
}

}  // namespace

DataDial::DataDial(dataplane::Lane& lane, Options options, Done done)
    : lane_(lane),
      options_(std::move(options)),
      done_(std::move(done)),
      socket_(lane.io()) {}

void DataDial::Start() {
  dialer_ = std::make_shared<dataplane::Dialer>(
      lane_.io(), options_.target,
      [weak = weak_from_this()](absl::StatusOr<UniqueFd> socket) {
        if (const auto self = weak.lock()) self->OnDialed(std::move(socket));
      });
  dialer_->Start();
}

void DataDial::Cancel() {
  done_ = nullptr;
  if (dialer_ != nullptr) std::exchange(dialer_, nullptr)->Cancel();
  std::error_code ignored;
  socket_.close(ignored);
}

void DataDial::OnDialed(absl::StatusOr<UniqueFd> socket) {
  dialer_ = nullptr;
  if (!socket.ok()) {
    return Finish(absl::UnavailableError(absl::StrCat(
        "connecting to the node's data port: ", socket.status().message())));
  }
  dataplane::WatchSender(socket->get(), options_.dead_timeout);
  std::error_code error;
  socket_.assign(socket->get(), error);
  if (error) {
    return Finish(absl::ResourceExhaustedError(
        "the service could not watch one more connection"));
  }
  socket->release();
  if (options_.tls == nullptr) return SayHello();
  tls_ = std::make_unique<TlsConnection>(lane_.sockets(), options_.tls,
                                         socket_.native_handle(),
                                         dataplane::TlsRole::kClient);
  if (options_.certificate_name.empty()) {
    tls_->ExpectServer(options_.target.host);
  }
  ShakeHands();
}

void DataDial::ShakeHands() {
  switch (tls_->Handshake()) {
    case TlsConnection::Outcome::kDone: {
      absl::Status status = CheckCertificate();
      return status.ok() ? SayHello() : Finish(std::move(status));
    }
    case TlsConnection::Outcome::kWaitsForInput:
      return WaitFor(Descriptor::wait_read);
    case TlsConnection::Outcome::kWaitsForRoom:
      return WaitFor(Descriptor::wait_write);
    case TlsConnection::Outcome::kClosed:
      return Finish(ClosedAtOnce());
    case TlsConnection::Outcome::kFailed:
      return Finish(absl::PermissionDeniedError(
          absl::StrCat("TLS with the node's data port: ", tls_->error())));
  }
}

void DataDial::WaitFor(Descriptor::wait_type what) {
  socket_.async_wait(what, [self = shared_from_this()](std::error_code error) {
    // Cancelling does not take back a handler that asio has queued.
    if (!error && self->done_ != nullptr) self->ShakeHands();
  });
}

absl::Status DataDial::CheckCertificate() const {
  const std::string& name = options_.certificate_name;
  // Of a host, the handshake has checked it.
  if (name.empty()) return absl::OkStatus();
  const auto& names = tls_->names();
  if (std::ranges::find(names, absl::StrCat("dns:", name)) != names.end()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the node's data port shows a certificate that has not the DNS name \"",
      name, "\": it is for ", absl::StrJoin(names, ", ")));
}

void DataDial::SayHello() {
  dataplane::SocketApi& calls = tls_ ? *tls_ : lane_.sockets();
  const ssize_t sent = calls.Send(
      socket_.native_handle(),
      std::as_bytes(std::span(options_.hello.data(), options_.hello.size())));
  if (sent != static_cast<ssize_t>(options_.hello.size())) {
    return Finish(ClosedAtOnce());
  }
  Finish(UpstreamConnection(UniqueFd(socket_.release()), std::move(tls_)));
}

void DataDial::Finish(absl::StatusOr<UpstreamConnection> result) {
  // What it calls may let go of this.
  const auto self = shared_from_this();
  // The node does not wait for a ticket that is not told.
  std::error_code ignored;
  socket_.close(ignored);
  std::exchange(done_, nullptr)(std::move(result));
}

}  // namespace tcptool::server
