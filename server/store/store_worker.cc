#include "server/store/store_worker.h"

#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/store/store_file.h"
#include "server/store/store_writer.h"

namespace tcptool::server {
namespace {

using dataplane::Clock;

constexpr std::chrono::seconds kRetry{1};

}  // namespace

StoreWorker::StoreWorker(const std::string& path, dataplane::UniqueFd lock,
                         SqliteDatabase database, Observe observe,
                         std::chrono::nanoseconds patience)
    : state_(std::make_shared<State>(path, std::move(lock), std::move(database),
                                     std::move(observe), patience)),
      writer_([state = state_] { state->Write(); }),
      watcher_([state = state_] { state->Watch(); }) {}

StoreWorker::~StoreWorker() {
  bool abandoned = false;
  bool is_whole = false;
  {
    State& state = *state_;
    absl::MutexLock lock(&state.mutex);
    state.closing = true;
    state.changed.NotifyAll();
    while (!state.ended && !state.hangs) state.changed.Wait(&state.mutex);
    abandoned = state.abandoned = !state.ended;
    is_whole = state.is_whole;
    state.changed.NotifyAll();
  }
  watcher_.join();
  if (!abandoned) {
    writer_.join();
    return;
  }
  writer_.detach();
  LogError("store_failed",
           {{"path", state_->path},
            {"error",
             is_whole ? "its disk does not answer: the service ends without "
                        "closing it; nothing is lost"
                      : "its disk does not answer: what has happened since is "
                        "lost, as the service ends"}});
}

void StoreWorker::WhenDurable(Done done) {
  absl::MutexLock lock(&state_->mutex);
  state_->done.push_back(std::move(done));
  state_->changed.NotifyAll();
}

absl::Status StoreWorker::health() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->health;
}

void StoreWorker::State::Write() {
  StoreChanges unwritten;  // Of a failed attempt.
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) {
    return closing || !done.empty() || !changes.empty();
  };
  bool last = false;
  while (!last) {
    StoreChanges newer;
    {
      absl::MutexLock lock(&mutex);
      if (unwritten.empty()) {
        mutex.Await(absl::Condition(&is_due));
      } else {
        const auto is_asked = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) {
          return closing || !done.empty();
        };
        changed.WaitFor(&mutex, kRetry, is_asked);
      }
      last = closing;
      std::swap(newer, changes);
      std::swap(writing_for, done);
      writing_since = Clock::now();
      is_whole = false;
      changed.NotifyAll();
    }
    unwritten.Merge(std::move(newer));
    const absl::Status status = WriteNow(unwritten);
    if (status.ok()) unwritten = {};
    std::vector<Done> answered;
    {
      absl::MutexLock lock(&mutex);
      if (abandoned) return;
      if (!last) writing_since.reset();
      hangs = false;
      is_whole = status.ok();
      std::swap(answered, writing_for);
    }
    for (const Done& each : answered) each(status);
  }
  CloseFiles();
  absl::MutexLock ending(&mutex);
  ended = true;
  changed.NotifyAll();
}

void StoreWorker::State::CloseFiles() {
  // SQLite copies the write-ahead log into the database now, and removes it.
  { const SqliteDatabase closed = std::move(database); }
  // Only now may another process write.
  lock = {};
}

void StoreWorker::State::Watch() {
  mutex.Lock();
  while (!ended && !abandoned) {
    const auto limit =
        writing_since ? *writing_since + patience : Clock::time_point::max();
    if (const auto now = Clock::now(); now < limit) {
      changed.WaitFor(&mutex, limit - now);
      continue;
    }
    if (!std::exchange(hangs, true)) {
      Report(Hangs());
      changed.NotifyAll();
    }
    if (writing_for.empty() && done.empty()) {
      changed.Wait(&mutex);
      continue;
    }
    std::vector<Done> answered;
    std::swap(answered, writing_for);
    std::move(done.begin(), done.end(), std::back_inserter(answered));
    done.clear();
    mutex.Unlock();
    for (const Done& each : answered) each(Hangs());
    answered.clear();  // What they own goes without the lock.
    mutex.Lock();
  }
  mutex.Unlock();
}

absl::Status StoreWorker::State::WriteNow(const StoreChanges& unwritten) {
  if (unwritten.empty()) return absl::OkStatus();
  const Clock::time_point began = Clock::now();
  const absl::Status status =
      NamedState(path, WriteChanges(database, unwritten));
  absl::MutexLock lock(&mutex);
  if (abandoned) return status;
  observe("write", absl::FromChrono(Clock::now() - began), status.ok());
  Report(status);
  return status;
}

void StoreWorker::State::Report(const absl::Status& status) {
  const absl::Status before = std::exchange(health, status);
  // Logged once for each kind of error, not for each attempt.
  if (before.code() == status.code()) return;
  if (status.ok()) {
    LogInfo("store_recovered", {{"path", path}});
  } else {
    LogError("store_failed",
             {{"path", path}, {"error", std::string(status.message())}});
  }
}

absl::Status StoreWorker::State::Hangs() const {
  return NamedState(
      path, absl::UnavailableError(absl::StrCat(
                "its disk has not answered for ",
                absl::FormatDuration(absl::FromChrono(patience)),
                "; what happens is written when it does; try again then")));
}

}  // namespace tcptool::server
