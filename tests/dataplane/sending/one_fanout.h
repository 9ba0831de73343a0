// A fan-out on a lane of its own, with real sockets and no session around it.
#ifndef TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_FANOUT_H_
#define TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_FANOUT_H_

#include <algorithm>
#include <asio/post.hpp>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "dataplane/sending/fanout.h"
#include "tests/dataplane/sending/connection.h"

namespace tcptool::dataplane {

class OneFanout {
 public:
  explicit OneFanout(std::shared_ptr<Source> source, Limits limits = {},
                     SocketApi& sockets = SocketApi::Real(),
                     std::optional<PacedLane> pace = std::nullopt)
      : limits_(limits), lane_(sockets, disk_) {
    EXPECT_TRUE(source->Prepare().ok());
    fanout_ = std::make_shared<Fanout>(
        lane_, std::move(source), limits_, budget_,
        [this](Fanout::Report report) { OnReport(std::move(report)); },
        std::move(pace));
  }
  ~OneFanout() {
    Call([this] {
      fanout_->CloseAll(Reason::kServiceStopped, "");
      fanout_ = nullptr;
    });
    disk_.Join();  // Its tasks post to the lane.
  }

  // Runs `call` on the lane, and waits until it has.
  template <typename Function>
  void Call(Function call) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      call();
      done.Notify();
    });
    done.WaitForNotification();
  }
  Fanout& operator*() { return *fanout_; }
  Fanout* operator->() { return fanout_.get(); }
  TokenBucket& budget() { return *budget_; }

  // A new connection, which becomes recipient `id`.
  std::unique_ptr<Peer> Add(uint64_t id, int receive_buffer = 0) {
    Connection connection = Connect(receive_buffer);
    Call([&] {
      RecipientStatus status;
      status.id = id;
      fanout_->Add(std::move(connection.sender), std::move(status));
    });
    return std::move(connection.peer);
  }
  // The same, and it has said its byte.
  std::unique_ptr<Peer> AddReady(uint64_t id, int receive_buffer = 0) {
    auto peer = Add(id, receive_buffer);
    peer->Say(0);
    EXPECT_TRUE(WaitFor(id, RecipientState::kReady));
    return peer;
  }

  // Admits these, and begins.
  void Serve(std::initializer_list<uint64_t> ids) {
    Call([&] {
      for (const uint64_t id : ids) fanout_->Admit(id);
      fanout_->Begin();
    });
  }

  bool WaitFor(uint64_t id, RecipientState state) {
    return Await([=, this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      const auto& states = states_[id];
      return std::find(states.begin(), states.end(), state) != states.end();
    });
  }
  bool WaitForSourceError() {
    return Await([this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return !source_error_.ok();
    });
  }
  // Each state that it was reported in, once.
  std::vector<RecipientState> states(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    return states_[id];
  }
  RecipientStatus status(uint64_t id) {
    absl::MutexLock lock(&mutex_);
    return statuses_[id];
  }

 private:
  void OnReport(Fanout::Report report) {
    absl::MutexLock lock(&mutex_);
    source_error_.Update(report.source_error);
    for (RecipientStatus& status : report.changed) {
      auto& states = states_[status.id];
      if (states.empty() || states.back() != status.state) {
        states.push_back(status.state);
      }
      const uint64_t id = status.id;
      statuses_[id] = std::move(status);
    }
  }
  template <typename Condition>
  bool Await(Condition condition) {
    absl::MutexLock lock(&mutex_);
    return mutex_.AwaitWithTimeout(absl::Condition(&condition), kDeadline);
  }

  absl::Mutex mutex_;
  std::map<uint64_t, std::vector<RecipientState>> states_
      ABSL_GUARDED_BY(mutex_);
  std::map<uint64_t, RecipientStatus> statuses_ ABSL_GUARDED_BY(mutex_);
  absl::Status source_error_ ABSL_GUARDED_BY(mutex_);
  const Limits limits_;
  const std::shared_ptr<TokenBucket> budget_ =
      std::make_shared<TokenBucket>(limits_.session_bytes_per_second);
  DiskThreads disk_;
  Lane lane_;
  std::shared_ptr<Fanout> fanout_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_SENDING_ONE_FANOUT_H_
