// A reception's link to the nodes that it receives from, and what it tells.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_PARENT_LINKS_H_
#define TCPTOOL_TESTS_SERVER_PEERS_PARENT_LINKS_H_

#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "server/peers/parent_link.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/server/peers/scripted_node.h"

namespace tcptool::server {

using dataplane::ContentEnd;
using dataplane::Digest;
using dataplane::kDeadline;
using dataplane::kManifestBlock;
using dataplane::UniqueFd;

class ParentLinkTest : public testing::Test, public dataplane::ContentClaims {
 protected:
  // Before the destructors, as the lane calls this object's virtual functions.
  void TearDown() override { Cancel(); }

  void Cancel() {
    Run([this] {
      if (link_ != nullptr) link_->Cancel();
    });
  }

  void Open(std::vector<NodePlan::Node> nodes, absl::Duration wait,
            const ParentLink::Timing& timing = {}) {
    Cancel();
    link_ =
        std::make_shared<ParentLink>(NodePlan{.nodes = std::move(nodes),
                                              .wait = wait,
                                              .dead_timeout = absl::Seconds(60),
                                              .id = "child",
                                              .reception = "receptions/r"},
                                     clients_, moves_, timing);
    moves_.Expect("receptions/r");
    link_->Open(*this);
  }
  absl::StatusOr<UniqueFd> Connect(uint64_t offset,
                                   const absl::Status& lost = {}) {
    absl::StatusOr<UniqueFd> result = absl::UnknownError("");
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      link_->Connect(
          lane_, offset, lost,
          [&](absl::StatusOr<dataplane::UpstreamConnection> connection) {
            if (connection.ok()) {
              result = std::move(connection->socket);
            } else {
              result = connection.status();
            }
            done.Notify();
          });
    });
    EXPECT_TRUE(done.WaitForNotificationWithTimeout(kDeadline));
    return result;
  }
  void Run(const std::function<void()>& task) {
    absl::Notification done;
    asio::post(lane_.io(), [&] {
      task();
      done.Notify();
    });
    done.WaitForNotification();
  }

  static bool Happens(const std::function<bool()>& what) {
    const absl::Time limit = absl::Now() + kDeadline;
    while (absl::Now() < limit) {
      if (what()) return true;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return what();
  }

  // Until it is wanted that the connection is given up.
  absl::Status WaitUntilLeft() {
    absl::Status left;
    EXPECT_TRUE(Happens([&] {
      absl::MutexLock lock(&mutex_);
      left = left_;
      return !left.ok();
    }));
    return left;
  }

  // So many bytes of the content.
  static FollowResponse Having(int64_t watermark) {
    FollowResponse response;
    response.set_watermark(watermark);
    return response;
  }

  void Expect(uint64_t first, std::vector<Digest> digests) override {
    absl::MutexLock lock(&mutex_);
    first_ = first;
    told_ = first + digests.size();
    digests_ = std::move(digests);
  }
  void ExpectLength(uint64_t length) override {
    absl::MutexLock lock(&mutex_);
    length_ = length;
  }
  void ExpectEnd(const ContentEnd& end) override {
    absl::MutexLock lock(&mutex_);
    end_ = end;
  }
  void FallenSilent(const absl::Status& reason) override {
    absl::MutexLock lock(&mutex_);
    fallen_silent_ = reason;
  }
  void Leave(const absl::Status& reason) override {
    if (on_leave_)
      asio::post(lane_.io(), [this, reason] { on_leave_(reason); });
    absl::MutexLock lock(&mutex_);
    left_ = reason;
  }
  void StartAnew(const absl::Status& reason) override {
    asio::post(lane_.io(), [this, reason] { on_start_anew_(reason); });
  }
  void GiveUp(const absl::Status& reason) override {
    absl::MutexLock lock(&mutex_);
    given_up_ = reason;
  }
  uint64_t position() const override {
    ++looks_at_position_;
    return position_;
  }
  std::chrono::steady_clock::time_point silent_since() const override {
    return is_silent_ ? std::chrono::steady_clock::time_point()
                      : std::chrono::steady_clock::now();
  }

  dataplane::DiskThreads disk_;
  dataplane::Lane lane_{dataplane::SocketApi::Real(), disk_};
  FollowClients clients_{*NodeCredentials::Load({}, {}, "lab1")};
  ParentMoves moves_;
  ScriptedSender data_;
  std::shared_ptr<ParentLink> link_;
  std::atomic<uint64_t> position_{0};
  std::atomic<bool> is_silent_{false};
  mutable std::atomic<uint64_t> looks_at_position_{0};
  // What becomes of a connection that is to be left; on the lane.
  std::function<void(const absl::Status&)> on_leave_;
  // What becomes of what has come, if it is not the source's; the same.
  std::function<void(const absl::Status&)> on_start_anew_;
  absl::Mutex mutex_;
  uint64_t first_ ABSL_GUARDED_BY(mutex_) = 99;
  uint64_t told_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Digest> digests_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> length_ ABSL_GUARDED_BY(mutex_);
  std::optional<ContentEnd> end_ ABSL_GUARDED_BY(mutex_);
  absl::Status fallen_silent_ ABSL_GUARDED_BY(mutex_);
  absl::Status left_ ABSL_GUARDED_BY(mutex_);
  absl::Status given_up_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_PARENT_LINKS_H_
