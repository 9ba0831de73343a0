// Receptions from a source that has the content from any offset, and says what
// it is.
#ifndef TCPTOOL_TESTS_DATAPLANE_RECEIVING_RESUMABLE_RECEPTIONS_H_
#define TCPTOOL_TESTS_DATAPLANE_RECEIVING_RESUMABLE_RECEPTIONS_H_

#include <fcntl.h>
#include <gtest/gtest.h>

#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {

// Long enough for losses at several blocks.
inline constexpr size_t kLongSize = 6 * kManifestBlock + 54'321;

inline const std::string& LongContent() {
  static const std::string content = Content(kLongSize);
  return content;
}

// Gives each connection that is asked for to the test.
class ScriptedUpstream : public Upstream {
 public:
  struct Asked {
    uint64_t offset = 0;
    absl::Status lost;
  };
  // Shared with the test, which is not on the lane.
  struct Script {
    absl::Mutex mutex;
    std::deque<Asked> asked ABSL_GUARDED_BY(mutex);
    // Whether connections wait for Release().
    bool holds ABSL_GUARDED_BY(mutex) = false;
    std::function<void()> held ABSL_GUARDED_BY(mutex);
    // Answers in place of connections, from the first on.
    std::deque<absl::Status> refusals ABSL_GUARDED_BY(mutex);
  };

  explicit ScriptedUpstream(
      const ScriptedSender& sender,
      std::shared_ptr<Script> script = std::make_shared<Script>())
      : port_(sender.port()), script_(std::move(script)) {}

  bool resumable() const override { return true; }
  void Connect(Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done) override {
    absl::Status refusal;
    {
      absl::MutexLock lock(&script_->mutex);
      script_->asked.push_back({offset, lost});
      if (!script_->refusals.empty()) {
        refusal = script_->refusals.front();
        script_->refusals.pop_front();
      } else if (script_->holds) {
        script_->held = [this, &lane,
                         held = std::make_shared<Done>(std::move(done))] {
          asio::post(lane.io(), [this, held] { Answer(*held); });
        };
        return;
      }
    }
    if (!refusal.ok()) return done(refusal);
    Answer(done);
  }
  void Cancel() override {}

 private:
  void Answer(Done& done) const {
    // Over loopback: the listener's queue takes it at once.
    Peer peer(port_);
    UniqueFd socket(fcntl(peer.fd(), F_DUPFD_CLOEXEC, 0));
    ResetOnClose(socket.get());
    fcntl(socket.get(), F_SETFL, O_NONBLOCK);
    done(std::move(socket));
  }

  const uint16_t port_;
  const std::shared_ptr<Script> script_;
};

class ResumableReceptionTest : public testing::Test {
 protected:
  void Begin(ReceptionOptions options = {}, const EngineOptions& engine = {}) {
    one_ = std::make_unique<OneReception>(
        std::make_unique<ScriptedUpstream>(sender_, script_), folder_,
        std::move(options), engine);
  }
  // The next connection that the reception has asked for.
  ScriptedUpstream::Asked Accept() {
    sender_.Accept();
    absl::MutexLock lock(&script_->mutex);
    EXPECT_FALSE(script_->asked.empty());
    if (script_->asked.empty()) return {};
    const ScriptedUpstream::Asked asked = script_->asked.front();
    script_->asked.pop_front();
    return asked;
  }
  void Announce(const std::string& content) {
    const Manifest manifest = ManifestOf(content);
    one_->reception().Expect(0, manifest.blocks);
    one_->reception().ExpectEnd(
        {.length = manifest.length, .root = Root(manifest)});
  }
  // Until so many connections have been asked for and not been accepted.
  bool WaitForAsked(size_t count) {
    absl::MutexLock lock(&script_->mutex);
    const auto has_asked = [this, count] {
      return script_->asked.size() == count;
    };
    return script_->mutex.AwaitWithTimeout(absl::Condition(&has_asked),
                                           kDeadline);
  }
  bool WaitForBytes(uint64_t bytes) {
    return one_->recorder->WaitForBytes(bytes);
  }
  void ExpectWhole() {
    const ReceptionStatus status = one_->recorder->WaitForEnd();
    absl::MutexLock lock(&script_->mutex);
    EXPECT_EQ(status.state, ReceptionState::kSucceeded)
        << status.detail << " after " << status.bytes_received << " bytes; "
        << (script_->asked.empty() ? absl::OkStatus()
                                   : script_->asked.front().lost);
    EXPECT_TRUE(folder_.Get("content") == LongContent());
    EXPECT_EQ(folder_.Names(), std::set<std::string>{"content"});
  }

  const Folder folder_;
  ScriptedSender sender_;
  const std::shared_ptr<ScriptedUpstream::Script> script_ =
      std::make_shared<ScriptedUpstream::Script>();
  std::unique_ptr<OneReception> one_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_RECEIVING_RESUMABLE_RECEPTIONS_H_
