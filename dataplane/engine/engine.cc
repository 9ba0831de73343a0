#include "dataplane/engine/engine.h"

#include <sys/resource.h>

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <csignal>
#include <latch>
#include <system_error>
#include <utility>
#include <vector>

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

// Keeps for the rest of the process what threads that hang may still use.
// Reachable, and so no leak to LeakSanitizer.
template <typename Workers>
void Abandon(std::unique_ptr<Workers> workers) {
  static absl::Mutex mutex(absl::kConstInit);
  static std::vector<Workers*>& all = *new std::vector<Workers*>;
  for (const auto& lane : workers->lanes) lane->Stop();
  absl::MutexLock lock(&mutex);
  all.push_back(workers.release());
}

}  // namespace

Engine::Engine(const EngineOptions& options)
    : options_(options),
      workers_(std::make_unique<Workers>(options.disk_threads)) {
  std::signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  const size_t lanes = options.lanes > 0 ? options.lanes : UsableProcessors();
  for (size_t i = 0; i < lanes; ++i) {
    workers_->lanes.push_back(
        std::make_unique<Lane>(*options.sockets, workers_->disk));
  }
}

Engine::~Engine() {
  Stop();
  // Before the lanes are destroyed: what the pools run posts its results there.
  const bool all_have_run = JoinDisk();
  workers_->hashes.join();
  // A session's last tasks may go from its home lane to another and back: two
  // rounds let them run, where ~Lane would drop them.
  Flush();
  Flush();
  if (!all_have_run) Abandon(std::move(workers_));
}

// By a lane's timer, as absl::Mutex's own deadlines depend on the clock of the
// day.
bool Engine::JoinDisk() {
  asio::io_context& io = workers_->lanes.front()->io();
  asio::steady_timer patience(io, kDiskPatience);
  patience.async_wait([this](std::error_code error) {
    if (!error) workers_->disk.Abandon();
  });
  const bool all_have_run = workers_->disk.Join();
  std::latch cancelled(1);
  asio::post(io, [&] {
    patience.cancel();
    cancelled.count_down();
  });
  cancelled.wait();
  return all_have_run;
}

absl::StatusOr<std::shared_ptr<Session>> Engine::CreateSession(
    SessionOptions options, std::shared_ptr<Source> source,
    std::shared_ptr<SessionObserver> observer) {
  const bool is_counted = options.listens;
  absl::MutexLock lock(&mutex_);
  const uint64_t id = ++last_id_;
  std::vector<Lane*> lanes;
  for (size_t i = 0; i < workers_->lanes.size(); ++i) {
    lanes.push_back(workers_->lanes[(id + i) % workers_->lanes.size()].get());
  }
  absl::StatusOr<std::shared_ptr<Session>> session = Session::Create(
      {.lanes = std::move(lanes),
       .disk = workers_->disk,
       .hashes = workers_->hashes,
       .max_recipients = options_.max_recipients_per_session,
       .counters = workers_->counters,
       .on_end =
           [this, id] {
             absl::MutexLock lock(&mutex_);
             sessions_.erase(id);
           }},
      std::move(options), std::move(source), std::move(observer));
  if (session.ok()) {
    sessions_.emplace(id, *session);
    if (is_counted) workers_->counters.SessionCreated();
  }
  return session;
}

std::shared_ptr<Reception> Engine::CreateReception(
    ReceptionOptions options, std::unique_ptr<Upstream> upstream,
    std::shared_ptr<ReceptionObserver> observer) {
  absl::MutexLock lock(&mutex_);
  const uint64_t id = ++last_id_;
  std::shared_ptr<Reception> reception = Reception::Create(
      {.lane = *workers_->lanes[id % workers_->lanes.size()],
       .disk = workers_->disk,
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
  Measures measures{.counters = workers_->counters.Read()};
  for (const auto& lane : workers_->lanes) {
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
  std::latch flushed(static_cast<ptrdiff_t>(workers_->lanes.size()));
  for (const auto& lane : workers_->lanes) {
    asio::post(lane->io(), [&flushed] { flushed.count_down(); });
  }
  flushed.wait();
}

}  // namespace tcptool::dataplane
