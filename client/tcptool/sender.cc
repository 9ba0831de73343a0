#include "client/tcptool/sender.h"

#include <openssl/types.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tcptool/input.h"
#include "client/tcptool/reporter.h"
#include "client/tcptool/termination.h"
#include "dataplane/content/stream_reader.h"
#include "dataplane/engine/engine.h"
#include "dataplane/tls/session_tls.h"

namespace tcptool::client {
namespace {

using dataplane::SessionState;

std::string_view ListenDiagnostic(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kResourceExhausted:
      return "Failed to create TCP/IP socket!";
    case absl::StatusCode::kUnavailable:
      return "Failed to listen for connection attempts!";
    default:
      return "Failed to bind to specified port!";
  }
}

// Null: the error has been said.
std::shared_ptr<const dataplane::SessionTls> NewSessionTls(
    const TlsOptions& options, Diagnostics& diagnostics) {
  absl::StatusOr<std::shared_ptr<SSL_CTX>> context = NewSenderContext(options);
  if (!context.ok()) {
    diagnostics.Say(Level::kError, "Failed to set up TLS!");
    diagnostics.Say(Level::kError,
                    absl::StrCat(context.status().message(), "."));
    return nullptr;
  }
  if (const absl::Status now = CheckIsValidNow(options, **context); !now.ok()) {
    diagnostics.Say(Level::kWarning, absl::StrCat(now.message(), "."));
  }
  dataplane::SessionTls tls;
  tls.context = [context = *std::move(context)] { return context; };
  tls.requires_certificate = !options.client_ca.empty();
  return std::make_shared<const dataplane::SessionTls>(std::move(tls));
}

}  // namespace

int Send(const SenderOptions& options, Diagnostics& diagnostics) {
  const sigset_t signals = BlockTermination();
  absl::StatusOr<Input> input = OpenInput(options.file);
  if (!input.ok()) {
    diagnostics.Say(Level::kError, absl::StrCat("Failed to open input file '",
                                                options.file, "'!"));
    diagnostics.Say(Level::kError, absl::StrCat(input.status().message(), "."));
    return 1;
  }
  auto reporter = std::make_shared<Reporter>(diagnostics);
  dataplane::Engine engine(
      {.max_recipients_per_session = options.max_connections});
  dataplane::SessionOptions session_options{
      .bind_address = options.listen,
      .port = options.port,
      .max_recipients = options.max_clients,
      .allow = options.allow,
      .limits = options.limits,
      .compute_sha256 = options.sha256,
  };
  if (!options.tls.certificate.empty()) {
    session_options.tls = NewSessionTls(options.tls, diagnostics);
    if (session_options.tls == nullptr) return 1;
  }
  const auto session =
      engine.CreateSession(session_options, input->source, reporter);
  if (!session.ok()) {
    diagnostics.Say(Level::kError, ListenDiagnostic(session.status()));
    diagnostics.Say(Level::kError,
                    absl::StrCat(session.status().message(), "."));
    return 1;
  }
  std::unique_ptr<dataplane::StreamReader> reader;
  if (input->stream != nullptr) {
    reader = std::make_unique<dataplane::StreamReader>(input->descriptor.get(),
                                                       input->stream);
  }
  std::atomic<bool> ended = false;
  std::thread interrupter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    if (ended) return;
    diagnostics.Say(Level::kError, "Interrupted: the recipients are reset!");
    engine.Stop();
  });
  const dataplane::SessionStatus end = reporter->WaitForEnd();
  ended = true;
  pthread_kill(interrupter.native_handle(), SIGTERM);
  interrupter.join();
  reader.reset();
  if (end.state != SessionState::kSucceeded) return 1;
  if (options.sha256) {
    if (end.content_sha256.empty()) {
      diagnostics.Say(Level::kError,
                      "The input could not be read again for its SHA-256!");
      return 1;
    }
    diagnostics.Say(Level::kError,
                    absl::StrCat("SHA-256 ", end.content_sha256));
  }
  return 0;
}

}  // namespace tcptool::client
