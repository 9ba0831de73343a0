// A session that an order of events happens to: in this process, or in one that
// can be killed.
#ifndef TCPTOOL_TESTS_DATAPLANE_MODEL_SENDER_H_
#define TCPTOOL_TESTS_DATAPLANE_MODEL_SENDER_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "dataplane/base/unique_fd.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {

// The file before and after kChange: no byte is the same.
struct Contents {
  std::string before;
  std::string after;
};
// Made once for each size. Any thread.
const Contents& ContentsOf(size_t size);

// What a trial may ask of a sender.
class Sender {
 public:
  virtual ~Sender() = default;

  virtual uint16_t port() const = 0;
  // Returns when the lane has handled what its sockets had to tell.
  virtual void Settle() = 0;
  // Between the two, the lane stands still: what happens is there at once when
  // it looks again.
  virtual void Hold() = 0;
  virtual void Release() = 0;
  // False: it cannot start.
  virtual bool Start() = 0;
  virtual void Cancel() = 0;
  virtual void Change() = 0;
};

class LocalSender : public Sender {
 public:
  LocalSender(Engine& engine, size_t size);
  ~LocalSender() override;

  uint16_t port() const override { return session_->data_endpoint().port(); }
  void Settle() override;
  void Hold() override;
  void Release() override;
  bool Start() override;
  void Cancel() override;
  void Change() override;

  Recorder& recorder() { return *recorder_; }

 private:
  absl::Status Call(void (Session::*method)(Session::Done));
  // Runs a task on the lane, after what its sockets had to tell before.
  void OnLane(std::function<void()> task);

  // Shared with the task that holds the lane.
  struct Gate {
    absl::Notification held;
    absl::Notification released;
  };

  const size_t size_;
  const UniqueFd file_;
  const std::shared_ptr<Recorder> recorder_ = std::make_shared<Recorder>();
  std::shared_ptr<Session> session_;
  std::shared_ptr<Gate> gate_;
};

// Makes senders in processes of their own. To be made while the process has one
// thread: it forks. To be used by one thread.
class SenderProcesses {
 public:
  SenderProcesses();
  ~SenderProcesses();

  SenderProcesses(const SenderProcesses&) = delete;
  SenderProcesses& operator=(const SenderProcesses&) = delete;

  class Child;
  // One at a time.
  std::unique_ptr<Child> Make(size_t size);

 private:
  UniqueFd socket_;
  pid_t maker_ = -1;
};

// Forwards what is asked to the process. It is killed at the end.
class SenderProcesses::Child : public Sender {
 public:
  Child(int socket, size_t size);
  ~Child() override { Kill(); }

  uint16_t port() const override { return port_; }
  void Settle() override { Ask('s'); }
  void Hold() override { Ask('h'); }
  void Release() override { Ask('r'); }
  bool Start() override { return Ask('S') == 1; }
  void Cancel() override { Ask('c'); }
  void Change() override { Ask('C'); }
  // With SIGKILL. Returns when the process is gone, and its sockets with it.
  void Kill();

 private:
  char Ask(char command);

  const int socket_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_MODEL_SENDER_H_
