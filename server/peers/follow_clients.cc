#include "server/peers/follow_clients.h"

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {
namespace {

using peer::v1::GetProgressRequest;
using peer::v1::GetProgressResponse;
using peer::v1::ReportRatesRequest;
using peer::v1::ReportRatesResponse;
using Methods = peer::v1::PeerService::StubInterface::async_interface;

// Less than until the next report of rates.
constexpr std::chrono::seconds kReportTimeout(5);
// A client waits for it.
constexpr std::chrono::milliseconds kProgressTimeout(400);

}  // namespace

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
  absl::flat_hash_set<std::shared_ptr<OpenPeerCall>> calls
      ABSL_GUARDED_BY(mutex);
};

FollowClients::FollowClients(std::shared_ptr<const NodeCredentials> credentials)
    : credentials_(std::move(credentials)),
      coordinator_(*credentials_),
      state_(std::make_shared<State>()) {}

FollowClients::~FollowClients() {
  State& state = *state_;
  std::vector<std::shared_ptr<OpenPeerCall>> calls;
  {
    absl::MutexLock lock(&state.mutex);
    calls.assign(state.calls.begin(), state.calls.end());
  }
  for (const auto& call : calls) call->Cancel();
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
                           ReportRatesRequest request) {
  Call<ReportRatesRequest, ReportRatesResponse>(
      address, std::move(request), kReportTimeout, &Methods::ReportRates,
      [](const ReportRatesResponse*) {});
}

void FollowClients::GetProgress(
    const std::string& address, GetProgressRequest request,
    std::function<void(std::optional<GetProgressResponse>)> done) {
  Call<GetProgressRequest, GetProgressResponse>(
      address, std::move(request), kProgressTimeout, &Methods::GetProgress,
      [done = std::move(done)](const GetProgressResponse* response) {
        if (response == nullptr) return done(std::nullopt);
        done(*response);
      });
}

template <typename Request, typename Response>
void FollowClients::Call(
    const std::string& address, Request request,
    std::chrono::milliseconds timeout,
    typename UnaryPeerCall<Request, Response>::Method method,
    std::function<void(const Response*)> on_answer) {
  using Unary = UnaryPeerCall<Request, Response>;
  const std::shared_ptr<grpc::Channel> channel = coordinator_.To(address);
  const auto call = std::make_shared<Unary>(channel, credentials_->token(),
                                            std::move(request), timeout);
  {
    absl::MutexLock lock(&state_->mutex);
    ++state_->running;
    state_->calls.insert(call);
  }
  Unary::Start(call, method,
               // This outlives the call, which still has the channel.
               [this, state = state_, weak = std::weak_ptr(channel),
                on_answer = std::move(on_answer)](std::shared_ptr<Unary> done,
                                                  const Response* response) {
                 if (response == nullptr) coordinator_.Drop(weak.lock());
                 on_answer(response);
                 {
                   absl::MutexLock lock(&state->mutex);
                   state->calls.erase(done);
                 }
                 state->OnDone(std::move(done));
               });
}

}  // namespace tcptool::server
