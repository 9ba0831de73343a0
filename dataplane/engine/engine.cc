#include "dataplane/engine/engine.h"

#include <sys/resource.h>

#include <asio/post.hpp>
#include <csignal>
#include <latch>
#include <utility>

#include "dataplane/base/processors.h"

namespace tcptool::dataplane {
namespace {

// Each connection needs a descriptor: raises the soft limit to the hard one,
// for which no privilege is needed.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : options_(options), disk_(options.disk_threads) {
  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  const size_t lanes = options.lanes > 0 ? options.lanes : UsableProcessors();
  for (size_t i = 0; i < lanes; ++i) {
    lanes_.push_back(std::make_unique<Lane>(*options.sockets, disk_));
  }
}

Engine::~Engine() {
  Stop();
  // Before the lanes are destroyed: what the pools run posts its results there.
  disk_.Join();
  hashes_.join();
  // A session's last tasks may go from its home lane to another and back: two
  // rounds let them run, where ~Lane would drop them.
  Flush();
  Flush();
}

absl::StatusOr<std::shared_ptr<Session>> Engine::CreateSession(
    SessionOptions options, std::shared_ptr<Source> source,
    std::shared_ptr<SessionObserver> observer) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = ++last_id_;
  std::vector<Lane*> lanes;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    lanes.push_back(lanes_[(id + i) % lanes_.size()].get());
  }
  absl::StatusOr<std::shared_ptr<Session>> session = Session::Create(
      {.lanes = std::move(lanes),
       .disk = disk_,
       .hashes = hashes_,
       .max_recipients = options_.max_recipients_per_session,
       .counters = counters_,
       .on_end =
           [this, id] {
             absl::MutexLock lock(&mutex_);
             sessions_.erase(id);
           }},
      std::move(options), std::move(source), std::move(observer));
  if (session.ok()) {
    sessions_.emplace(id, *session);
    counters_.SessionCreated();
  }
  return session;
}

std::shared_ptr<Reception> Engine::CreateReception(
    ReceptionOptions options, std::unique_ptr<Upstream> upstream,
    std::shared_ptr<ReceptionObserver> observer) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = ++last_id_;
  std::shared_ptr<Reception> reception = Reception::Create(
      {.lane = *lanes_[id % lanes_.size()],
       .disk = disk_,
       .files = *options_.files,
       .on_end =
           [this, id] {
             absl::MutexLock lock(&mutex_);
             receptions_.erase(id);
           }},
      std::move(options), std::move(upstream), std::move(observer));
  receptions_.emplace(id, reception);
  return reception;
}

Engine::Measures Engine::Measure() const {
  Measures measures{.counters = counters_.Read()};
  for (const auto& lane : lanes_) {
    measures.lanes.push_back(
        {.processor_time = lane->processor_time(), .lag = lane->lag().Read()});
  }
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, session] : sessions_) {
    const Source::Window window = session->window();
    measures.window.held += window.held;
    measures.window.size += window.size;
  }
  return measures;
}

void Engine::Stop() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [id, session] : sessions_) session->Stop();
  for (const auto& [id, reception] : receptions_) reception->Stop();
  const auto none_left = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return sessions_.empty() && receptions_.empty();
  };
  mutex_.Await(absl::Condition(&none_left));
}

void Engine::Flush() {
  std::latch flushed(static_cast<ptrdiff_t>(lanes_.size()));
  for (const auto& lane : lanes_) {
    asio::post(lane->io(), [&flushed] { flushed.count_down(); });
  }
  flushed.wait();
}

}  // namespace tcptool::dataplane
