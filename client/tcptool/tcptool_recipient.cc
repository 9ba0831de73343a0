#include "client/tcptool/tcptool_recipient.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/tcptool/progress.h"
#include "client/tcptool/termination.h"
#include "dataplane/base/sha256.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::client {
namespace {

using dataplane::Sha256;
using dataplane::UniqueFd;

// Large writes keep a disk and the page cache at their full speed.
constexpr size_t kBufferSize = size_t{1} << 20;

constexpr absl::Duration kRetryInterval = absl::Milliseconds(100);

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::atomic<uint64_t> received_bytes{0};

// Set by whoever decides how the program ends: Receive() or a signal.
std::atomic<bool> decided{false};

// Ends the process on SIGINT or SIGTERM, whatever its main thread waits for.
// The connection is reset by that: see ResetOnClose().
void ExitOnSignal(const RecipientOptions& options, Diagnostics& diagnostics) {
  std::thread([signals = BlockTermination(), name = options.file,
               &diagnostics] {
    int signal = 0;
    sigwait(&signals, &signal);
    if (decided.exchange(true)) return;
    diagnostics.Say(
        Level::kError,
        received_bytes == 0
            ? "Interrupted before any content came!"
            : absl::StrCat(
                  "Interrupted: ",
                  name.empty() ? "the output" : absl::StrCat("'", name, "'"),
                  " has ", received_bytes.load(),
                  " bytes and is not complete!"));
    _exit(1);
  }).detach();
}

// How long connect(2) may take, where the kernel's two minutes are not meant
// (socket(7), SO_SNDTIMEO). The one byte that is sent later never waits.
void SetConnectTimeout(const UniqueFd& socket, absl::Duration timeout) {
  const timeval limit =
      absl::ToTimeval(std::max(timeout, absl::Milliseconds(1)));
  setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

// A connection attempt to a port of this host that nobody listens on can meet
// itself, if the kernel picks that port for its own end (RFC 9293, 3.5,
// simultaneous open).
bool IsConnectedToItself(const UniqueFd& socket) {
  sockaddr_storage ours = {};
  sockaddr_storage theirs = {};
  socklen_t our_size = sizeof ours;
  socklen_t their_size = sizeof theirs;
  return getsockname(socket.get(), reinterpret_cast<sockaddr*>(&ours),
                     &our_size) == 0 &&
         getpeername(socket.get(), reinterpret_cast<sockaddr*>(&theirs),
                     &their_size) == 0 &&
         our_size == their_size && std::memcmp(&ours, &theirs, our_size) == 0;
}

// The connected socket; not valid after an error, which has been said unless
// `quiet`.
UniqueFd Connect(const RecipientOptions& options, absl::Duration timeout,
                 Diagnostics& diagnostics, bool quiet) {
  const auto fail = [&](std::string_view text) {
    if (!quiet) diagnostics.Say(Level::kError, text);
    return UniqueFd();
  };
  const addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  if (getaddrinfo(options.host.c_str(), options.port.c_str(), &hints, &list) !=
      0) {
    return fail("Sender host IP not found!");
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(list);
  bool has_socket = false;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    UniqueFd socket(::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.valid()) continue;
    has_socket = true;
    if (timeout != absl::InfiniteDuration()) SetConnectTimeout(socket, timeout);
    int result;
    do {
      result = connect(socket.get(), one->ai_addr, one->ai_addrlen);
    } while (result != 0 && errno == EINTR);
    if (result == 0 && !IsConnectedToItself(socket)) return socket;
  }
  return fail(has_socket ? "Failed to connect to sender!"
                         : "Failed to create TCP/IP socket!");
}

// "192.0.2.7:9876", "[2001:db8::7]:9876".
std::string PeerOf(const UniqueFd& socket) {
  asio::ip::tcp::endpoint peer;
  auto size = static_cast<socklen_t>(peer.capacity());
  if (getpeername(socket.get(), peer.data(), &size) != 0) return "the sender";
  peer.resize(size);
  std::ostringstream text;
  text << peer;
  return text.str();
}

UniqueFd ConnectWithin(const RecipientOptions& options,
                       Diagnostics& diagnostics) {
  if (options.wait == absl::ZeroDuration()) {
    return Connect(options, absl::InfiniteDuration(), diagnostics, false);
  }
  const absl::Time deadline = absl::Now() + options.wait;
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    const bool last = left < kRetryInterval;
    UniqueFd socket =
        Connect(options, std::max(left, kRetryInterval), diagnostics, !last);
    if (socket.valid() || last) return socket;
    absl::SleepFor(kRetryInterval);
  }
}

bool WriteAll(int file, const std::byte* data, size_t size) {
  while (size > 0) {
    const ssize_t written = write(file, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) {
      // Standard output may be a pipe that its other users do not wait for.
      pollfd polled = {file, POLLOUT, 0};
      poll(&polled, 1, -1);
      continue;
    }
    if (written < 0) return false;
    data += written;
    size -= written;
  }
  return true;
}

void SayWriteProblem(int error, Diagnostics& diagnostics) {
  diagnostics.Say(Level::kError, "Problem while writing to output file!");
  diagnostics.Say(
      Level::kError,
      absl::StrCat(std::strerror(error), " after ", received_bytes.load(),
                   " bytes; the output is not complete."));
}

// A host that vanishes is noticed, in a minute, also while nothing is sent.
void EnableKeepalive(int socket) {
  const auto set = [socket](int level, int option, int value) {
    setsockopt(socket, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

// False: no byte for the time given.
bool WaitForData(int socket, absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return true;
  pollfd polled = {socket, POLLIN, 0};
  const int milliseconds = static_cast<int>(
      std::min<int64_t>(absl::ToInt64Milliseconds(timeout), 1 << 30));
  int ready;
  do {
    ready = poll(&polled, 1, std::max(1, milliseconds));
  } while (ready < 0 && errno == EINTR);
  return ready != 0;
}

// What a file held is kept until a sender begins to send, and gone then.
bool Empty(int file) {
  struct stat status;
  if (fstat(file, &status) != 0) return false;
  return !S_ISREG(status.st_mode) || ftruncate(file, 0) == 0;
}

// From the first byte to the orderly end. False: the error has been said.
bool Copy(int socket, int file, const RecipientOptions& options,
          Diagnostics& diagnostics, Sha256* digest) {
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBufferSize);
  Progress progress(diagnostics);
  for (;;) {
    if (!WaitForData(socket, options.stall_timeout)) {
      diagnostics.Say(
          Level::kError,
          absl::StrCat("Nothing came from the sender for ",
                       absl::FormatDuration(options.stall_timeout), "!"));
      return false;
    }
    const ssize_t got = recv(socket, buffer.get(), kBufferSize, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      diagnostics.Say(
          Level::kError,
          absl::StrCat("Connection to sender lost after ",
                       received_bytes.load(), " bytes: ", std::strerror(errno),
                       "! The output is not complete."));
      return false;
    }
    if (received_bytes == 0) {
      diagnostics.Say(Level::kDebug, got == 0 ? "The content is empty."
                                              : "The content begins.");
      // Standard output is the shell's to empty.
      if (!options.file.empty() && !Empty(file)) {
        SayWriteProblem(errno, diagnostics);
        return false;
      }
    }
    if (got == 0) return true;
    if (!WriteAll(file, buffer.get(), got)) {
      SayWriteProblem(errno, diagnostics);
      return false;
    }
    if (digest != nullptr) {
      digest->Update({buffer.get(), static_cast<size_t>(got)});
    }
    received_bytes += got;
    progress.Show(received_bytes);
  }
}

// Nothing is lost in the caches of the program; with --sync, nor of the system.
bool FinishOutput(UniqueFd file, bool sync, Diagnostics& diagnostics) {
  // A pipe has no disk: EINVAL (fsync(2)).
  const bool synced = !sync || fsync(file.get()) == 0 || errno == EINVAL;
  // Network file systems report a full disk when they close (close(2)).
  if (synced && close(file.release()) == 0) return true;
  SayWriteProblem(errno, diagnostics);
  return false;
}

}  // namespace

int Receive(const RecipientOptions& options, Diagnostics& diagnostics) {
  std::signal(SIGPIPE, SIG_IGN);
  ExitOnSignal(options, diagnostics);
  // Opened first: a sender that starts is not left with nobody to write.
  // Emptied later, see Empty().
  UniqueFd file(options.file.empty()
                    ? fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0)
                    : open(options.file.c_str(),
                           O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file.valid()) {
    diagnostics.Say(Level::kError, absl::StrCat("Failed to open output file '",
                                                options.file, "'!"));
    return 1;
  }
  UniqueFd socket = ConnectWithin(options, diagnostics);
  if (!socket.valid()) return 1;
  dataplane::ResetOnClose(socket.get());
  EnableKeepalive(socket.get());
  diagnostics.Say(Level::kDebug,
                  absl::StrCat("Connected to ", PeerOf(socket), "."));
  const char byte = options.start ? 1 : 0;
  if (send(socket.get(), &byte, 1, MSG_NOSIGNAL) != 1) {
    diagnostics.Say(Level::kError,
                    "Failed to send initialization byte to sender!");
    return 1;
  }
  diagnostics.Say(Level::kDebug,
                  options.start ? "Told the sender to start."
                                : "Told the sender to wait for the others.");
  std::optional<Sha256> digest;
  if (options.sha256) digest.emplace();
  if (!Copy(socket.get(), file.get(), options, diagnostics,
            digest ? &*digest : nullptr) ||
      !FinishOutput(std::move(file), options.sync, diagnostics)) {
    return 1;
  }
  diagnostics.Say(Level::kDebug,
                  absl::StrCat("The content is complete: ",
                               received_bytes.load(), " bytes."));
  if (digest) {
    diagnostics.Say(Level::kError, absl::StrCat("SHA-256 ", digest->Finish()));
  }
  // Only now may the sender take the content for delivered. A signal comes too
  // late, or has won: then its thread ends the program.
  if (decided.exchange(true)) pause();
  const linger orderly = {.l_onoff = 0, .l_linger = 0};
  setsockopt(socket.get(), SOL_SOCKET, SO_LINGER, &orderly, sizeof orderly);
  return 0;
}

}  // namespace tcptool::client
