#include "client/tcptool/tcptool_sender.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/tcptool/progress.h"
#include "client/tcptool/termination.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/file_source.h"
#include "dataplane/content/stream_reader.h"
#include "dataplane/engine/engine.h"

namespace tcptool::client {
namespace {

using dataplane::Reason;
using dataplane::RecipientState;
using dataplane::SessionState;

// Says what happens to the recipients, and waits for the end.
class Reporter : public dataplane::SessionObserver {
 public:
  explicit Reporter(Diagnostics& diagnostics)
      : diagnostics_(diagnostics), progress_(diagnostics) {}

  void OnUpdate(const Update& update) override {
    for (const dataplane::RecipientStatus& recipient : update.changed) {
      Describe(recipient);
    }
    progress_.Show(update.session);
    if (!dataplane::IsFinal(update.session.state)) return;
    if (!update.session.error.empty()) {
      diagnostics_.Say(Level::kError, update.session.error);
    }
    absl::MutexLock lock(&mutex_);
    end_state_ = update.session.state;
    content_sha256_ = update.session.content_sha256;
    ended_ = true;
  }

  SessionState WaitForEnd() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&ended_));
    return end_state_;
  }

  // At the end; empty if it is not known.
  std::string content_sha256() {
    absl::MutexLock lock(&mutex_);
    return content_sha256_;
  }

 private:
  void Describe(const dataplane::RecipientStatus& recipient) {
    const std::string host = recipient.peer.address().to_string();
    const auto [before, is_new] =
        states_.try_emplace(recipient.id, recipient.state);
    if (!is_new && before->second == recipient.state) return;
    before->second = recipient.state;
    std::ostringstream peer;
    peer << recipient.peer;
    diagnostics_.Say(Level::kDebug,
                     absl::StrCat(peer.str(), " is ",
                                  dataplane::Name(recipient.state).data(),
                                  recipient.detail.empty() ? "" : ": ",
                                  recipient.detail, "."));
    switch (recipient.state) {
      case RecipientState::kDelivered:
        return diagnostics_.Say(
            Level::kInfo,
            absl::StrCat("Transmission succeeded for '", host, "'."));
      case RecipientState::kFailed:
        return DescribeFailure(recipient, host);
      case RecipientState::kRejected:
        return DescribeRejection(recipient, is_new);
      default:
        return;
    }
  }

  void DescribeRejection(const dataplane::RecipientStatus& recipient,
                         bool is_new) {
    if (recipient.reason == Reason::kNotAuthorized) {
      diagnostics_.Say(Level::kWarning,
                       "Connection attempt from non-authorized client!");
    } else if (is_new) {
      // Turned away before its handshake: the system is short of something.
      diagnostics_.Say(Level::kError, "Failed to accept client connection!");
      diagnostics_.Say(Level::kDebug, recipient.detail);
    }
  }

  void DescribeFailure(const dataplane::RecipientStatus& recipient,
                       const std::string& host) {
    if (recipient.reason == Reason::kHandshakeClosed ||
        recipient.reason == Reason::kHandshakeTimeout) {
      return diagnostics_.Say(
          Level::kWarning,
          "Failed to obtain initialization byte from recipient!");
    }
    if (recipient.reason == Reason::kConnectionLost &&
        recipient.start_time != absl::InfinitePast()) {
      diagnostics_.Say(Level::kError, "Failed tosend data!");
    }
    diagnostics_.Say(Level::kError,
                     absl::StrCat("Transmission failed for '", host, "'!"));
  }

  Diagnostics& diagnostics_;
  Progress progress_;
  std::map<uint64_t, RecipientState> states_;
  absl::Mutex mutex_;
  bool ended_ = false;
  SessionState end_state_ = SessionState::kWaiting;
  std::string content_sha256_;
};

// The input's descriptor, and a source that reads from it: by position where it
// has positions, as a stream otherwise.
struct Input {
  std::shared_ptr<dataplane::Source> source;
  // Of a file: it, and where the content begins.
  std::shared_ptr<dataplane::RandomAccessFile> file;
  uint64_t offset = 0;
  // Of a stream: its descriptor, and the source again.
  dataplane::UniqueFd descriptor;
  std::shared_ptr<dataplane::StreamSource> stream;
};

// Not to wait for a FIFO's writer: recipients may come before it.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

absl::StatusOr<Input> OpenInput(const std::string& name) {
  Input input;
  dataplane::UniqueFd opened(name.empty()
                                 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                 : open(name.c_str(), kOpenFlags));
  struct stat status;
  if (!opened.valid() || fstat(opened.get(), &status) != 0) {
    return absl::ErrnoToStatus(errno, "open");
  }
  if (S_ISDIR(status.st_mode)) return absl::ErrnoToStatus(EISDIR, "open");
  if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode)) {
    input.descriptor = std::move(opened);
    input.stream = std::make_shared<dataplane::StreamSource>(
        dataplane::StreamSource::kDefaultWindow,
        dataplane::StreamSource::kNear);
    input.source = input.stream;
    return input;
  }
  // A shell may have read some of standard input already.
  const off_t offset = lseek(opened.get(), 0, SEEK_CUR);
  input.offset = offset > 0 ? offset : 0;
  input.file = dataplane::RandomAccessFile::FromDescriptor(opened.release());
  auto source =
      dataplane::FileSource::Create(input.file, input.offset, std::nullopt);
  if (!source.ok()) return source.status();
  input.source = *std::move(source);
  return input;
}

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

}  // namespace

int Send(const SenderOptions& options, Diagnostics& diagnostics) {
  const sigset_t signals = BlockTermination();
  absl::StatusOr<Input> input = OpenInput(options.file);
  if (!input.ok()) {
    diagnostics.Say(Level::kError, absl::StrCat("Failed to open input file '",
                                                options.file, "'!"));
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
  };
  session_options.compute_sha256 = options.sha256;
  session_options.limits.stall_timeout = options.stall_timeout;
  session_options.limits.session_bytes_per_second = options.bytes_per_second;
  const auto session =
      engine.CreateSession(session_options, input->source, reporter);
  if (!session.ok()) {
    diagnostics.Say(Level::kError, ListenDiagnostic(session.status()));
    diagnostics.Say(Level::kDebug, std::string(session.status().message()));
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
  const SessionState state = reporter->WaitForEnd();
  ended = true;
  pthread_kill(interrupter.native_handle(), SIGTERM);
  interrupter.join();
  reader.reset();
  if (options.sha256 && state == SessionState::kSucceeded) {
    const std::string digest = reporter->content_sha256();
    diagnostics.Say(
        Level::kError,
        absl::StrCat("SHA-256 ", digest.empty()
                                     ? "(the input could not be read)"
                                     : digest));
  }
  return state == SessionState::kSucceeded ? 0 : 1;
}

}  // namespace tcptool::client
