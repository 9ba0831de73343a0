// A recipient on a lane of its own, with a real connection, and no fan-out
// around it: the test is its owner.
#ifndef TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_RECIPIENT_H_
#define TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_RECIPIENT_H_

#include <asio/post.hpp>
#include <future>
#include <memory>
#include <semaphore>
#include <type_traits>
#include <utility>
#include <vector>

#include "dataplane/sending/recipient.h"
#include "tests/dataplane/sending/connection.h"

namespace tcptool::dataplane {

// What a recipient has told its owner. On the lane's thread, but for Await().
class RecordingOwner : public Recipient::Owner {
 public:
  void Changed(const Recipient& recipient) override {
    absl::MutexLock lock(&mutex_);
    status_ = recipient.status();
    if (states_.empty() || states_.back() != status_.state) {
      states_.push_back(status_.state);
    }
  }
  void HasRoom(std::shared_ptr<Recipient>) override { Count(rooms_); }
  void Answered() override { Count(answers_); }
  void Verify(Feed::Verified done) override {
    absl::MutexLock lock(&mutex_);
    asked_.push_back(std::move(done));
  }
  void SourceFailed(const absl::Status& error) override {
    absl::MutexLock lock(&mutex_);
    source_error_ = error;
  }

  // False: `holds` did not come true in time.
  template <typename Condition>
  bool Await(Condition holds) {
    const auto condition = [&] { return holds(*this); };
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), kDeadline);
  }
  bool AwaitState(RecipientState state) {
    return Await([state](RecordingOwner& owner) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return owner.status_.state == state;
    });
  }
  bool AwaitVerify(size_t times) {
    return Await([times](RecordingOwner& owner) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return owner.asked_.size() == times;
    });
  }
  bool AwaitRoom() {
    return Await([](RecordingOwner& owner) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return owner.rooms_ > 0;
    });
  }
  bool AwaitAnswer() {
    return Await([](RecordingOwner& owner) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return owner.answers_ > 0;
    });
  }

  // The question that was asked `index`th.
  Feed::Verified& asked(size_t index) {
    absl::MutexLock lock(&mutex_);
    return asked_.at(index);
  }
  // Questions keep the recipient alive.
  void ForgetQuestions() {
    absl::MutexLock lock(&mutex_);
    asked_.clear();
  }
  size_t times_asked() {
    absl::MutexLock lock(&mutex_);
    return asked_.size();
  }
  RecipientStatus status() {
    absl::MutexLock lock(&mutex_);
    return status_;
  }
  // Each state, once.
  std::vector<RecipientState> states() {
    absl::MutexLock lock(&mutex_);
    return states_;
  }
  absl::Status source_error() {
    absl::MutexLock lock(&mutex_);
    return source_error_;
  }

 private:
  void Count(int& counter) {
    absl::MutexLock lock(&mutex_);
    ++counter;
  }

  absl::Mutex mutex_;
  RecipientStatus status_ ABSL_GUARDED_BY(mutex_);
  std::vector<RecipientState> states_ ABSL_GUARDED_BY(mutex_);
  std::vector<Feed::Verified> asked_ ABSL_GUARDED_BY(mutex_);
  absl::Status source_error_ ABSL_GUARDED_BY(mutex_);
  int rooms_ ABSL_GUARDED_BY(mutex_) = 0;
  int answers_ ABSL_GUARDED_BY(mutex_) = 0;
};

class OneRecipient {
 public:
  explicit OneRecipient(Limits limits = {},
                        SocketApi& sockets = SocketApi::Real(),
                        Connection connection = Connect())
      : peer(std::move(connection.peer)),
        limits_(limits),
        lane_(sockets, disk_) {
    // Whoever waits longer for the recipient fails the test.
    const timeval deadline = absl::ToTimeval(kDeadline);
    setsockopt(peer->fd(), SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    RecipientStatus status;
    status.id = 1;
    Call([&] {
      socket_ = connection.sender.get();
      Recipient::Owner& its_owner = owner;
      recipient_ = std::make_shared<Recipient>(lane_, limits_, its_owner,
                                               std::move(connection.sender),
                                               std::move(status));
    });
  }
  ~OneRecipient() {
    Call([this] {
      feed_ = nullptr;
      if (!recipient_->closed()) Close(RecipientState::kFailed);
      recipient_ = nullptr;
      owner.ForgetQuestions();
    });
    disk_.Join();  // Its tasks post to the lane.
  }

  // Runs `call` on the lane, and answers what it does.
  template <typename Function>
  auto Call(Function call) -> decltype(call()) {
    std::promise<decltype(call())> result;
    asio::post(lane_.io(), [&] {
      if constexpr (std::is_void_v<decltype(call())>) {
        call();
        result.set_value();
      } else {
        result.set_value(call());
      }
    });
    return result.get_future().get();
  }

  void Open() {
    Call([this] { recipient_->Open(Clock::now()); });
  }
  // Opens it, has its peer say a byte, and waits until it is READY.
  void OpenReady(unsigned char byte = 0) {
    Open();
    peer->Say(byte);
    ASSERT_TRUE(owner.AwaitState(RecipientState::kReady));
  }
  // The same, and it may be sent the content of `source`.
  void Begin(const std::shared_ptr<Source>& source) {
    OpenReady();
    ASSERT_TRUE(source->Prepare().ok());
    Call([&] {
      feed_ = source->OpenFeed(lane_, [this] { woken_.release(); });
      recipient_->Begin(Clock::now());
    });
  }
  Recipient::Sent Send(size_t limit = size_t{1} << 20) {
    return Call(
        [=, this] { return recipient_->Send(*feed_, limit, Clock::now()); });
  }
  // Sends until it takes no more, or its socket or the kernel's memory is full.
  // The content must be there, or be read from a disk.
  Recipient::Wait SendAll() {
    for (;;) {
      const Recipient::Wait wait = Send().wait;
      if (wait == Recipient::Wait::kContent) {
        woken_.acquire();
      } else if (wait != Recipient::Wait::kNothing) {
        return wait;
      }
    }
  }
  void Verified(const absl::Status& status) {
    Call([&] { owner.asked(0)(status); });
  }
  void Close(RecipientState state) {
    recipient_->Close(state, Reason::kServiceStopped, "closed by the test");
  }

  // On the lane's thread.
  Recipient& recipient() { return *recipient_; }
  // The sender's end of the connection, while the recipient is not closed.
  int socket() const { return socket_; }

  RecordingOwner owner;
  const std::unique_ptr<Peer> peer;

 private:
  const Limits limits_;
  DiskThreads disk_;
  Lane lane_;
  int socket_ = -1;
  std::shared_ptr<Recipient> recipient_;
  std::counting_semaphore<> woken_{0};  // By the feed.
  std::unique_ptr<Feed> feed_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_RECIPIENT_H_
