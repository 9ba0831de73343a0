// What a kernel, a network and a disk can do to the data plane, on demand.
#ifndef TCPTOOL_TESTS_DATAPLANE_FAULTS_H_
#define TCPTOOL_TESTS_DATAPLANE_FAULTS_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <span>

#include "absl/synchronization/mutex.h"
#include "dataplane/lanes/random_access_file.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

enum class Call : uint8_t {
  kAccept,
  kReceive,
  kPeek,
  kSend,
  kSendFile,
  kShutdownWrite,
  kUnacknowledged,
  kError,
};

// From the `first` call of its kind on (0 is the first of all), `count` calls
// answer `error`; the others are the kernel's.
struct SocketFault {
  Call call;
  int error = 0;   // -errno. 0: sends are cut short, to one byte.
  int first = -1;  // -1: never.
  int count = 1;
};

class FaultySockets : public SocketApi {
 public:
  explicit FaultySockets(SocketFault fault, bool stays_in_host = true)
      : fault_(fault), stays_in_host_(stays_in_host) {}

  // How many calls of the fault's kind there have been.
  int calls() const { return calls_; }
  // The ports of the peers whose connections it was injected into.
  std::set<uint16_t> hit() const {
    absl::MutexLock lock(&mutex_);
    return hit_;
  }

  int Accept(int listener, sockaddr_storage* peer, socklen_t* size) override {
    if (Strikes(Call::kAccept, -1)) return fault_.error;
    const int socket = SocketApi::Accept(listener, peer, size);
    if (socket >= 0) {
      absl::MutexLock lock(&mutex_);
      ports_[socket] =
          ntohs(reinterpret_cast<const sockaddr_in*>(peer)->sin_port);
    }
    return socket;
  }
  ssize_t Receive(int socket, std::span<std::byte> buffer) override {
    if (Strikes(Call::kReceive, socket)) return fault_.error;
    return SocketApi::Receive(socket, buffer);
  }
  ssize_t Peek(int socket, std::span<std::byte> buffer) override {
    if (Strikes(Call::kPeek, socket)) return fault_.error;
    return SocketApi::Peek(socket, buffer);
  }
  ssize_t Send(int socket, std::span<const std::byte> data) override {
    if (!Strikes(Call::kSend, socket)) return SocketApi::Send(socket, data);
    return fault_.error != 0 ? fault_.error
                             : SocketApi::Send(socket, data.first(1));
  }
  ssize_t SendFile(int socket, int file, uint64_t offset,
                   size_t size) override {
    if (!Strikes(Call::kSendFile, socket)) {
      return SocketApi::SendFile(socket, file, offset, size);
    }
    return fault_.error != 0 ? fault_.error
                             : SocketApi::SendFile(socket, file, offset, 1);
  }
  int ShutdownWrite(int socket) override {
    if (Strikes(Call::kShutdownWrite, socket)) return fault_.error;
    return SocketApi::ShutdownWrite(socket);
  }
  int Unacknowledged(int socket) override {
    if (Strikes(Call::kUnacknowledged, socket)) return fault_.error;
    return SocketApi::Unacknowledged(socket);
  }
  int TakeError(int socket) override {
    if (Strikes(Call::kError, socket)) return fault_.error;
    return SocketApi::TakeError(socket);
  }
  bool StaysInHost(int) override { return stays_in_host_; }

 private:
  bool Strikes(Call call, int socket) {
    if (call != fault_.call) return false;
    const int at = calls_++;
    if (fault_.first < 0 || at < fault_.first ||
        at >= fault_.first + fault_.count) {
      return false;
    }
    absl::MutexLock lock(&mutex_);
    if (const auto port = ports_.find(socket); port != ports_.end()) {
      hit_.insert(port->second);
    }
    return true;
  }

  const SocketFault fault_;
  const bool stays_in_host_;
  std::atomic<int> calls_{0};
  mutable absl::Mutex mutex_;
  std::map<int, uint16_t> ports_ ABSL_GUARDED_BY(mutex_);  // By descriptor.
  std::set<uint16_t> hit_ ABSL_GUARDED_BY(mutex_);
};

// From the `first` read on, `count` reads answer `error`, or the end of the
// file if that is 0.
struct FileFault {
  int error = 0;   // -errno
  int first = -1;  // -1: never.
  int count = 1;
  // Nothing is ever in memory: all reads are the disk's.
  bool cold = false;
};

// `file`, with a fault.
class FaultyFile : public RandomAccessFile {
 public:
  FaultyFile(std::shared_ptr<RandomAccessFile> file, FileFault fault)
      : file_(std::move(file)), fault_(fault) {}

  int reads() const { return reads_; }

  absl::StatusOr<FileState> State() const override { return file_->State(); }
  ssize_t ReadCached(uint64_t offset, std::span<std::byte> buffer) override {
    if (fault_.cold) return -EAGAIN;
    return Strikes() ? fault_.error : file_->ReadCached(offset, buffer);
  }
  ssize_t Read(uint64_t offset, std::span<std::byte> buffer) override {
    return Strikes() ? fault_.error : file_->Read(offset, buffer);
  }
  bool Cached(uint64_t offset, size_t size) override {
    return !fault_.cold && file_->Cached(offset, size);
  }
  int descriptor() const override { return file_->descriptor(); }

 private:
  bool Strikes() {
    const int at = reads_++;
    return fault_.first >= 0 && at >= fault_.first &&
           at < fault_.first + fault_.count;
  }

  const std::shared_ptr<RandomAccessFile> file_;
  const FileFault fault_;
  std::atomic<int> reads_{0};
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_FAULTS_H_
