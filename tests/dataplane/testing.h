// What the data plane's tests share: an observer that remembers, and peers with
// real sockets.
#ifndef TCPTOOL_TESTS_DATAPLANE_TESTING_H_
#define TCPTOOL_TESTS_DATAPLANE_TESTING_H_

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/file_source.h"
#include "dataplane/engine/engine.h"
#include "dataplane/session/session.h"

namespace tcptool::dataplane {

// How long a test waits for what must happen before it fails: one with a
// sanitizer may have to share its cores with several others.
inline constexpr absl::Duration kDeadline = absl::Seconds(120);

// Bytes that repeat with no power of two, so that a block in the wrong place
// shows.
inline std::string Content(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) {
    content[i] = static_cast<char>((i * 2654435761u) >> 13);
  }
  return content;
}

inline UniqueFd MemoryFile(const std::string& content) {
  UniqueFd file(memfd_create("content", MFD_CLOEXEC));
  size_t written = 0;
  while (written < content.size()) {
    written +=
        write(file.get(), content.data() + written, content.size() - written);
  }
  return file;
}

// As MemoryFile(), in a file system that says what of it is in memory.
inline UniqueFd DiskFile(const std::string& content) {
  std::string name = testing::TempDir() + "/contentXXXXXX";
  UniqueFd file(mkostemp(name.data(), O_CLOEXEC));
  unlink(name.c_str());
  size_t written = 0;
  while (written < content.size()) {
    written +=
        write(file.get(), content.data() + written, content.size() - written);
  }
  return file;
}

// Of this process, with the one that counting takes. The directory is read, as
// fstat(2) on a descriptor that another thread is closing is a data race.
inline int OpenDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

inline std::shared_ptr<Source> FileOf(const std::string& content) {
  return *FileSource::Create(
      RandomAccessFile::FromDescriptor(MemoryFile(content).release()), 0,
      std::nullopt);
}

// Remembers the newest state of everything.
class Recorder : public SessionObserver {
 public:
  void OnUpdate(const Update& update) override {
    absl::MutexLock lock(&mutex_);
    session_ = update.session;
    for (const auto& recipient : update.changed) {
      recipients_[recipient.id] = recipient;
    }
    for (const uint64_t id : update.forgotten) recipients_.erase(id);
  }

  // False: it did not come true in time.
  bool WaitFor(const std::function<bool(const SessionStatus&)>& holds) {
    absl::MutexLock lock(&mutex_);
    const auto condition = [&] { return holds(session_); };
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), kDeadline);
  }
  bool WaitForCount(RecipientState state, uint64_t count) {
    return WaitFor([=](const SessionStatus& session) {
      return session.count(state) == count;
    });
  }
  // The final state; WAITING or TRANSFERRING if it did not come in time.
  SessionState WaitForEnd() {
    WaitFor(
        [](const SessionStatus& session) { return IsFinal(session.state); });
    return session().state;
  }

  SessionStatus session() {
    absl::MutexLock lock(&mutex_);
    return session_;
  }
  RecipientStatus recipient(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    return recipients_[id];
  }
  std::map<uint64_t, RecipientStatus> recipients() {
    absl::MutexLock lock(&mutex_);
    return recipients_;
  }

 private:
  absl::Mutex mutex_;
  SessionStatus session_;
  std::map<uint64_t, RecipientStatus> recipients_;
};

// A recipient's end of a connection, over loopback.
class Peer {
 public:
  static UniqueFd Unconnected() {
    return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  }

  explicit Peer(uint16_t port, int receive_buffer = 0)
      : Peer(Unconnected(), port, receive_buffer) {}
  Peer(UniqueFd socket, uint16_t port, int receive_buffer = 0)
      : socket_(std::move(socket)) {
    if (receive_buffer > 0) {
      setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer,
                 sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(socket_.get(), reinterpret_cast<sockaddr*>(&address),
                         sizeof address) == 0;
  }

  bool connected() const { return connected_; }
  void Say(unsigned char byte) {
    // A reset is told once, to the first call that comes after it.
    if (send(socket_.get(), &byte, 1, MSG_NOSIGNAL) < 0) said_error_ = errno;
  }
  void HalfClose() { shutdown(socket_.get(), SHUT_WR); }
  void Reset() { ResetAndClose(socket_.release()); }
  void Close() { socket_ = UniqueFd(); }
  int fd() const { return socket_.get(); }
  // Its own, not the session's.
  uint16_t port() const {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  // Reads `size` bytes at most, until the end or an error.
  struct Result {
    std::string data;
    int error = 0;  // errno; 0: an orderly end, or `size` bytes.
  };
  Result Read(size_t size = ~size_t{0}) {
    Result result{.error = said_error_};
    std::vector<char> buffer(size_t{1} << 16);
    while (result.error == 0 && result.data.size() < size) {
      const ssize_t got =
          recv(socket_.get(), buffer.data(),
               std::min(buffer.size(), size - result.data.size()), 0);
      if (got < 0) result.error = errno;
      if (got <= 0) break;
      result.data.append(buffer.data(), got);
    }
    return result;
  }
  // Reads to the end, then closes, as a program does.
  Result ReadAndClose() {
    Result result = Read();
    Close();
    return result;
  }

 private:
  UniqueFd socket_;
  bool connected_ = false;
  int said_error_ = 0;
};

// A peer that reads on a thread of its own.
class ReadingPeer {
 public:
  ReadingPeer(uint16_t port, unsigned char byte)
      : peer_(port), port_(peer_.port()) {
    peer_.Say(byte);
    thread_ = std::thread([this] { result_ = peer_.ReadAndClose(); });
  }
  ~ReadingPeer() {
    if (thread_.joinable()) thread_.join();
  }
  const Peer::Result& Join() {
    if (thread_.joinable()) thread_.join();
    return result_;
  }
  uint16_t port() const { return port_; }

 private:
  Peer peer_;
  const uint16_t port_;
  Peer::Result result_;
  std::thread thread_;
};

// An engine, and one session on it.
class OneSession {
 public:
  explicit OneSession(std::shared_ptr<Source> source,
                      SessionOptions options = {}, EngineOptions engine = {})
      : recorder(std::make_shared<Recorder>()),
        engine_(std::make_unique<Engine>(engine)) {
    options.bind_address = asio::ip::address_v4::loopback();
    session_ = *engine_->CreateSession(std::move(options), std::move(source),
                                       recorder);
  }

  uint16_t port() const { return session_->data_endpoint().port(); }
  Session& session() { return *session_; }
  Engine& engine() { return *engine_; }

  // Connects, says `byte`, and waits until the session takes it for READY.
  std::unique_ptr<Peer> ReadyPeer(unsigned char byte = 0) {
    const uint64_t ready = recorder->session().count(RecipientState::kReady);
    auto peer = std::make_unique<Peer>(port());
    peer->Say(byte);
    recorder->WaitForCount(RecipientState::kReady, ready + 1);
    return peer;
  }

  absl::Status Call(void (Session::*method)(Session::Done)) {
    absl::Status result;
    absl::Notification done;
    (session_.get()->*method)([&](absl::Status status) {
      result = std::move(status);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  const std::shared_ptr<Recorder> recorder;

 private:
  std::unique_ptr<Engine> engine_;
  std::shared_ptr<Session> session_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_TESTING_H_
