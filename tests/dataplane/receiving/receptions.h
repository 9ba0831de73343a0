// What the tests of receptions share: a sender that does what it is told, and
// an observer that remembers.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_RECEPTIONS_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_RECEPTIONS_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "dataplane/engine/engine.h"
#include "dataplane/receiving/reception.h"
#include "dataplane/receiving/sender_upstream.h"
#include "tests/dataplane/receiving/files.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {

// Of several blocks, the last of which is not whole.
inline constexpr size_t kSize = 3 * kManifestBlock + 54'321;
inline const std::string& TheContent() {
  static const std::string content = Content(kSize);
  return content;
}

// Listens on a port of 127.0.0.1, and does what a test says. Its calls block,
// for kDeadline at most.
class ScriptedSender {
 public:
  ScriptedSender() : listener_(Peer::Unconnected()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_.get(), name, size), 0);
    EXPECT_EQ(listen(listener_.get(), 16), 0);
    // Accepted connections have the same.
    const timeval deadline = absl::ToTimeval(kDeadline);
    setsockopt(listener_.get(), SOL_SOCKET, SO_RCVTIMEO, &deadline,
               sizeof deadline);
    setsockopt(listener_.get(), SOL_SOCKET, SO_SNDTIMEO, &deadline,
               sizeof deadline);
    getsockname(listener_.get(), name, &size);
    port_ = ntohs(address.sin_port);
  }

  uint16_t port() const { return port_; }
  std::unique_ptr<SenderUpstream> Upstream(bool start = false) const {
    return std::make_unique<SenderUpstream>(
        SenderOptions{.target = {.host = "127.0.0.1",
                                 .port = std::to_string(port_),
                                 .wait = absl::ZeroDuration()},
                      .start = start});
  }
  void StopListening() { listener_ = UniqueFd(); }

  // Takes the next connection.
  void Accept() {
    socket_ = UniqueFd(accept(listener_.get(), nullptr, nullptr));
    send_error_ = 0;
    ASSERT_TRUE(socket_.valid());
  }
  // The connection, which is the caller's from now on.
  UniqueFd Release() { return std::move(socket_); }
  // Takes the next connection, and its byte; -1: there is none.
  int AcceptAndReadByte() {
    Accept();
    unsigned char byte = 0;
    return recv(socket_.get(), &byte, 1, 0) == 1 ? byte : -1;
  }
  // False: the recipient has closed.
  bool Send(const std::string& data) {
    for (size_t sent = 0; sent < data.size();) {
      const ssize_t now = send(socket_.get(), data.data() + sent,
                               data.size() - sent, MSG_NOSIGNAL);
      if (now < 0) {
        if (send_error_ == 0) send_error_ = errno;
        return false;
      }
      sent += static_cast<size_t>(now);
    }
    return true;
  }
  // The orderly end of its side.
  void End() { shutdown(socket_.get(), SHUT_WR); }
  void Reset() { ResetAndClose(socket_.release()); }
  // How the recipient has ended: 0, in an orderly way; else the errno.
  int ReadEnd() {
    // A reset is told once.
    if (send_error_ != 0) return send_error_;
    char byte;
    const ssize_t got = recv(socket_.get(), &byte, 1, 0);
    EXPECT_LE(got, 0);
    return got < 0 ? errno : 0;
  }

 private:
  UniqueFd listener_;
  uint16_t port_ = 0;
  UniqueFd socket_;
  int send_error_ = 0;  // The first one of the connection.
};

class ReceptionRecorder : public ReceptionObserver {
 public:
  void OnUpdate(const ReceptionStatus& status) override {
    absl::MutexLock lock(&mutex_);
    EXPECT_FALSE(IsFinal(status_.state));
    status_ = status;
  }

  // False: it did not come true in time.
  bool WaitFor(const std::function<bool(const ReceptionStatus&)>& holds) {
    absl::MutexLock lock(&mutex_);
    const auto condition = [&] { return holds(status_); };
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), kDeadline);
  }
  bool WaitForState(ReceptionState state) {
    return WaitFor([state](const ReceptionStatus& status) {
      return status.state == state;
    });
  }
  bool WaitForBytes(uint64_t bytes) {
    return WaitFor([bytes](const ReceptionStatus& status) {
      return status.bytes_received >= bytes;
    });
  }
  ReceptionStatus WaitForEnd() {
    EXPECT_TRUE(WaitFor(
        [](const ReceptionStatus& status) { return IsFinal(status.state); }));
    return status();
  }
  ReceptionStatus status() {
    absl::MutexLock lock(&mutex_);
    return status_;
  }

 private:
  absl::Mutex mutex_;
  ReceptionStatus status_ ABSL_GUARDED_BY(mutex_);
};

// An engine, and one reception on it, into a folder of its own.
class OneReception {
 public:
  OneReception(std::unique_ptr<Upstream> upstream, const Folder& folder,
               ReceptionOptions options = {}, const EngineOptions& engine = {})
      : recorder(std::make_shared<ReceptionRecorder>()),
        engine_(std::make_unique<Engine>(engine)) {
    if (!options.destination.directory.valid()) {
      const bool overwrite = options.destination.overwrite;
      options.destination = folder.To("content");
      options.destination.overwrite = overwrite;
    }
    reception_ = engine_->CreateReception(std::move(options),
                                          std::move(upstream), recorder);
  }

  Reception& reception() { return *reception_; }
  Engine& engine() { return *engine_; }
  absl::Status Cancel() {
    absl::Status result;
    absl::Notification done;
    reception_->Cancel(std::nullopt, [&](absl::Status status) {
      result = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }
  // Ends the engine, and with it what its threads still do.
  void Finish() {
    reception_ = nullptr;
    engine_ = nullptr;
  }

  const std::shared_ptr<ReceptionRecorder> recorder;

 private:
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Reception> reception_;
};

inline Digest Sha256Of(const std::string& content) {
  return Sha256::Of(std::as_bytes(std::span(content)));
}

inline Manifest ManifestOf(const std::string& content) {
  Manifest manifest = {.length = content.size()};
  for (size_t at = 0; at < content.size(); at += kManifestBlock) {
    manifest.blocks.push_back(Sha256Of(content.substr(at, kManifestBlock)));
  }
  return manifest;
}

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_RECEPTIONS_H_
