#include "server/peers/follow_clients.h"

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/report_call.h"

namespace tcptool::server {

struct FollowClients::State {
  void OnDone(std::shared_ptr<void> call) {
    {
      absl::MutexLock lock(&mutex);
      std::swap(last, call);
    }
    call = nullptr;  // That before it, whose channel is not the last one.
    absl::MutexLock lock(&mutex);
    --running;
  }

  absl::Mutex mutex;
  size_t running ABSL_GUARDED_BY(mutex) = 0;
  std::shared_ptr<void> last ABSL_GUARDED_BY(mutex);
  absl::flat_hash_set<std::shared_ptr<ReportCall>> reports
      ABSL_GUARDED_BY(mutex);
};

FollowClients::FollowClients(std::unique_ptr<NodeCredentials> credentials)
    : credentials_(std::move(credentials)), state_(std::make_shared<State>()) {}

FollowClients::~FollowClients() {
  State& state = *state_;
  std::vector<std::shared_ptr<ReportCall>> reports;
  {
    absl::MutexLock lock(&state.mutex);
    reports.assign(state.reports.begin(), state.reports.end());
  }
  for (const auto& report : reports) report->Cancel();
  std::shared_ptr<void> last;  // Destroyed without the lock.
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

void FollowClients::Report(const std::string& address,
                           peer::v1::ReportRatesRequest request) {
  const auto call =
      std::make_shared<ReportCall>(credentials_->NewChannel(address),
                                   credentials_->token(), std::move(request));
  {
    absl::MutexLock lock(&state_->mutex);
    ++state_->running;
    state_->reports.insert(call);
  }
  ReportCall::Start(call, [state = state_](std::shared_ptr<ReportCall> done) {
    {
      absl::MutexLock lock(&state->mutex);
      state->reports.erase(done);
    }
    state->OnDone(std::move(done));
  });
}

}  // namespace tcptool::server
