#include "dataplane/lanes/disk_threads.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace tcptool::dataplane {
namespace {

template <typename Key>
size_t CountOf(const std::map<Key, size_t>& counts, Key key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

template <typename Key>
void Decrement(std::map<Key, size_t>& counts, Key key) {
  const auto found = counts.find(key);
  if (--found->second == 0) counts.erase(found);
}

}  // namespace

DiskThreads::~DiskThreads() { Join(); }

void DiskThreads::Run(const Client& client, Task task) {
  absl::MutexLock lock(&mutex_);
  if (joining_ || abandoned_) return;
  waiting_.push_back({client, std::move(task)});
  // A thread is added if this task may run at once and no thread is idle. Tasks
  // that must wait for their share need none: they become runnable when another
  // task ends, whose thread is idle then.
  const size_t idle = threads_.size() - running_;
  if (waiting_.size() > idle && threads_.size() < limits_.all &&
      FindRunnable() != waiting_.end()) {
    try {
      threads_.emplace_back([this] { Work(); });
    } catch (const std::system_error&) {
      // No thread can be had: the task waits for one that there is, and the
      // next task asks for another.
    }
  }
}

bool DiskThreads::Join() {
  std::vector<std::thread> threads;
  bool is_done = false;
  {
    absl::MutexLock lock(&mutex_);
    const auto done = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return waiting_.empty() && (running_ == 0 || abandoned_);
    };
    mutex_.Await(absl::Condition(&done));
    is_done = running_ == 0;
    joining_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) is_done ? thread.join() : thread.detach();
  return is_done;
}

void DiskThreads::Abandon() {
  std::deque<Waiting> dropped;  // What they own goes without the lock.
  absl::MutexLock lock(&mutex_);
  abandoned_ = true;
  waiting_.swap(dropped);
}

std::deque<DiskThreads::Waiting>::iterator DiskThreads::FindRunnable() {
  return std::ranges::find_if(
      waiting_,
      [this](const Waiting& waiting) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return CountOf(by_disk_, waiting.client.disk) < limits_.each_disk &&
               CountOf(by_file_, waiting.client.file) < limits_.each_file;
      });
}

bool DiskThreads::HasWork() {
  return joining_ || FindRunnable() != waiting_.end();
}

void DiskThreads::Work() {
  pthread_setname_np(pthread_self(), "disk");
  mutex_.Lock();
  for (;;) {
    mutex_.Await(absl::Condition(this, &DiskThreads::HasWork));
    const auto next = FindRunnable();
    if (next == waiting_.end()) break;  // Joining.
    Waiting now = std::move(*next);
    waiting_.erase(next);
    ++by_disk_[now.client.disk];
    ++by_file_[now.client.file];
    ++running_;
    mutex_.Unlock();
    now.task();
    now.task = nullptr;  // What it owned goes without the lock.
    mutex_.Lock();
    --running_;
    Decrement(by_disk_, now.client.disk);
    Decrement(by_file_, now.client.file);
  }
  mutex_.Unlock();
}

}  // namespace tcptool::dataplane
