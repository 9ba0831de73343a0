#include "client/tcptool/recipient.h"

#include <openssl/types.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/tcptool/output.h"
#include "client/tcptool/progress.h"
#include "client/tcptool/sender_connection.h"
#include "client/tcptool/termination.h"
#include "dataplane/base/page_block.h"
#include "dataplane/base/sha256.h"
#include "dataplane/dialing/dialer.h"

namespace tcptool::client {
namespace {

using dataplane::Sha256;

// Large writes keep a disk and the page cache at their full speed.
constexpr size_t kBufferSize = size_t{1} << 20;
// A sender that thousands connect to at once has many handshakes before this
// one.
constexpr absl::Duration kTlsHandshakeTimeout = absl::Seconds(30);

const char* DialDiagnostic(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
      return "Sender host IP not found!";
    case absl::StatusCode::kResourceExhausted:
      return "Failed to create TCP/IP socket!";
    default:
      return "Failed to connect to sender!";
  }
}

// What to do when SenderConnection::StartTls() has failed.
const char* TlsAdvice(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kFailedPrecondition:
      return "if it does not speak TLS, leave --tls out";
    case absl::StatusCode::kUnavailable:
      return "it may not speak TLS, or not allow this host";
    case absl::StatusCode::kNotFound:
      return "--tls-name takes a name that it has";
    case absl::StatusCode::kOutOfRange:
      return "renew it at the sender, or set this host's clock";
    case absl::StatusCode::kInvalidArgument:
      return "a sender's certificate is to have the extended key usage "
             "serverAuth, or none";
    default:
      return "--tls-ca takes the certificate of who has signed it";
  }
}

// One transfer as a recipient, from the command line to the exit status.
class Recipient {
 public:
  Recipient(const RecipientOptions& options, Diagnostics& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  // False: the error has been said.
  bool Run();

 private:
  // What is wrong with --tls-cert and the others is known before anything else
  // is done.
  bool LoadTls();
  bool Connect();
  bool StartTls();
  // From the first byte to the orderly end.
  bool Copy(Sha256* digest);
  bool Begin(bool is_empty);
  bool Finish();

  bool Fail(const std::string& text, const std::string& reason) {
    diagnostics_.Say(Level::kError, text);
    diagnostics_.Say(Level::kError, reason);
    return false;
  }
  bool FailToWrite(const absl::Status& status) {
    return Fail("Problem while writing to output file!",
                absl::StrCat(status.message(), " after ", size_.load(),
                             " bytes; the output is not complete."));
  }
  bool FailToOpen(const std::string& reason) {
    return Fail(absl::StrCat("Failed to open output file '",
                             options_.output.path, "'!"),
                reason);
  }
  void AdviseOnCertificate() {
    diagnostics_.Say(Level::kError,
                     "If the sender asks for certificates, --tls-cert and "
                     "--tls-key take one that it accepts.");
  }
  void SayInterrupted() const;

  const RecipientOptions& options_;
  Diagnostics& diagnostics_;
  // Of the output, for the thread that takes signals.
  std::atomic<uint64_t> size_{0};
  // Declared after what its thread reads, and before all that it interrupts.
  ExitOnTermination termination_{[this] { SayInterrupted(); }};
  std::shared_ptr<SSL_CTX> tls_;
  std::unique_ptr<Output> output_;
  std::optional<SenderConnection> connection_;
};

bool Recipient::Run() {
  if (options_.tls.tls && !LoadTls()) return false;
  // Opened before the sender counts on this recipient, so that it is not left
  // with one that cannot write.
  absl::StatusOr<std::unique_ptr<Output>> output =
      Output::Open(options_.output);
  if (!output.ok()) return FailToOpen(std::string(output.status().message()));
  output_ = *std::move(output);
  std::optional<Sha256> digest;
  if (options_.sha256) digest.emplace();
  if (!Connect() || !Copy(digest ? &*digest : nullptr) || !Finish()) {
    return false;
  }
  if (digest) {
    diagnostics_.Say(Level::kError, absl::StrCat("SHA-256 ", digest->Finish()));
  }
  return true;
}

bool Recipient::LoadTls() {
  absl::StatusOr<std::shared_ptr<SSL_CTX>> tls =
      NewRecipientContext(options_.tls);
  if (!tls.ok()) {
    return Fail("Failed to set up TLS!",
                absl::StrCat(tls.status().message(), "."));
  }
  tls_ = *std::move(tls);
  if (const absl::Status now = CheckIsValidNow(options_.tls, *tls_);
      !now.ok()) {
    diagnostics_.Say(Level::kWarning, absl::StrCat(now.message(), "."));
  }
  return true;
}

bool Recipient::Connect() {
  absl::StatusOr<dataplane::UniqueFd> socket = dataplane::Dial(
      {.host = options_.host, .port = options_.port, .wait = options_.wait});
  if (!socket.ok()) {
    const bool is_name = absl::IsNotFound(socket.status());
    const bool may_wait = absl::IsUnavailable(socket.status()) &&
                          options_.wait == absl::ZeroDuration();
    return Fail(DialDiagnostic(socket.status()),
                absl::StrCat(is_name ? options_.host : "", is_name ? ": " : "",
                             socket.status().message(),
                             may_wait ? "; --wait goes on trying." : "."));
  }
  connection_.emplace(*std::move(socket), options_.dead_timeout);
  diagnostics_.Say(Level::kDebug,
                   absl::StrCat("Connected to ", connection_->PeerName(), "."));
  if (tls_ != nullptr && !StartTls()) return false;
  if (const absl::Status sent = connection_->SendByte(options_.start);
      !sent.ok()) {
    Fail("Failed to send initialization byte to sender!",
         absl::StrCat(sent.message(),
                      "; it may have ended, or not allow this host."));
    // What it says of that comes behind the handshake, as its reset does.
    if (tls_ != nullptr) AdviseOnCertificate();
    return false;
  }
  diagnostics_.Say(Level::kDebug,
                   options_.start ? "Told the sender to start."
                                  : "Told the sender to wait for the others.");
  return true;
}

bool Recipient::StartTls() {
  const absl::Status started = connection_->StartTls(
      tls_, options_.tls.name.empty() ? options_.host : options_.tls.name,
      std::min(kTlsHandshakeTimeout, options_.stall_timeout));
  if (!started.ok()) {
    return Fail("Failed to speak TLS with sender!",
                absl::StrCat(dataplane::NameOf({.host = options_.host,
                                                .port = options_.port,
                                                .wait = absl::ZeroDuration()}),
                             ": ", started.message(), "; ",
                             TlsAdvice(started.code()), "."));
  }
  diagnostics_.Say(Level::kDebug, "The sender's certificate is good.");
  return true;
}

bool Recipient::Copy(Sha256* digest) {
  const dataplane::PageBlock block(kBufferSize);
  const std::span<std::byte> buffer = block.first(block.size());
  Progress progress(diagnostics_);
  uint64_t received = 0;
  for (;;) {
    const absl::StatusOr<size_t> got =
        connection_->Receive(buffer, options_.stall_timeout);
    if (absl::IsDeadlineExceeded(got.status())) {
      diagnostics_.Say(Level::kError,
                       absl::StrCat("Nothing came from the sender for ",
                                    got.status().message(), "!"));
      return false;
    }
    if (!got.ok()) {
      diagnostics_.Say(
          Level::kError,
          absl::StrCat("Connection to sender lost after ", received,
                       " bytes: ", got.status().message(),
                       "! The output is not complete."));
      if (received == 0 && absl::IsPermissionDenied(got.status())) {
        AdviseOnCertificate();
      }
      return false;
    }
    if (received == 0 && !Begin(*got == 0)) return false;
    if (*got == 0) return true;
    const auto data = buffer.first(*got);
    const absl::Status written = output_->Append(data);
    size_ = output_->size();
    if (!written.ok()) return FailToWrite(written);
    if (digest != nullptr) digest->Update(data);
    received += data.size();
    progress.Show(received);
  }
}

bool Recipient::Begin(bool is_empty) {
  diagnostics_.Say(Level::kDebug,
                   is_empty ? "The content is empty." : "The content begins.");
  const absl::Status begun = output_->Begin();
  if (!begun.ok()) return FailToOpen(absl::StrCat(begun.message(), "."));
  // A sender that was killed before its first byte can look like this.
  if (is_empty && output_->replaced_bytes() > 0) {
    diagnostics_.Say(
        Level::kWarning,
        absl::StrCat("The content is empty: '", options_.output.path, "' had ",
                     output_->replaced_bytes(), " bytes, and is empty now."));
  }
  return true;
}

bool Recipient::Finish() {
  if (const absl::Status written = output_->Finish(); !written.ok()) {
    return FailToWrite(written);
  }
  diagnostics_.Say(
      Level::kDebug,
      absl::StrCat("The content is complete: ", output_->size(), " bytes."));
  // From here on a signal has no effect: the sender is told of success.
  termination_.Disarm();
  if (const absl::Status closed = connection_->Close(); !closed.ok()) {
    diagnostics_.Say(
        Level::kError,
        absl::StrCat("Connection to sender lost after all ", output_->size(),
                     " bytes: ", closed.message(),
                     "! The sender does not know that they are written."));
    return false;
  }
  return true;
}

void Recipient::SayInterrupted() const {
  const std::string& name = options_.output.path;
  diagnostics_.Say(
      Level::kError,
      size_ == 0
          ? "Interrupted before any content came!"
          : absl::StrCat(
                "Interrupted: ",
                name.empty() ? "the output" : absl::StrCat("'", name, "'"),
                " has ", size_.load(), " bytes and is not complete!"));
  diagnostics_.Flush();
}

}  // namespace

int Receive(const RecipientOptions& options, Diagnostics& diagnostics) {
  // What they stand for is an error of the write too, which is told.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  return Recipient(options, diagnostics).Run() ? 0 : 1;
}

}  // namespace tcptool::client
