#include "server/peers/follow_clients.h"

#include <cstddef>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

struct FollowClients::State {
  void OnDone(std::shared_ptr<FollowClient> client) {
    {
      absl::MutexLock lock(&mutex);
      std::swap(last, client);
    }
    client = nullptr;  // That before it, whose channel is not the last one.
    absl::MutexLock lock(&mutex);
    --running;
  }

  absl::Mutex mutex;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  std::shared_ptr<FollowClient> last ABSL_GUARDED_BY(mutex);
};

FollowClients::FollowClients(std::unique_ptr<NodeCredentials> credentials)
    : credentials_(std::move(credentials)), state_(std::make_shared<State>()) {}

FollowClients::~FollowClients() {
  std::shared_ptr<FollowClient> last;  // Destroyed without the lock.
  State& state = *state_;
  const auto is_done = [&state]() ABSL_SHARED_LOCKS_REQUIRED(state.mutex) {
    return state.running == 0;
  };
  absl::MutexLock lock(&state.mutex, absl::Condition(&is_done));
  last = std::move(state.last);
}

std::shared_ptr<FollowClient> FollowClients::Start(
    const std::string& address, peer::v1::FollowRequest request,
    FollowClient::Handlers handlers) {
  {
    absl::MutexLock lock(&state_->mutex);
    ++state_->running;
  }
  handlers.on_done = [state = state_](std::shared_ptr<FollowClient> client) {
    state->OnDone(std::move(client));
  };
  return FollowClient::Start(credentials_->NewChannel(address),
                             credentials_->token(), std::move(request),
                             std::move(handlers));
}

}  // namespace tcptool::server
