#include "server/rpc/watch_reactor.h"

#include <algorithm>
#include <utility>

#include "server/api/grpc_status.h"
#include "server/api/request_checks.h"

namespace tcptool::server {
namespace {

// In a message: most of what a message costs does not depend on its size. Some
// tens of KiB, as each watcher that does not read holds one.
constexpr size_t kMaxChanges = 64;
constexpr auto kBookmarkInterval = std::chrono::seconds(1);

}  // namespace

WatchReactor* WatchReactor::Start(const SessionTable& table, WatchHub& hub,
                                  const v1::WatchSessionsRequest& request) {
  auto watcher = std::make_shared<WatchReactor>(table, hub);
  absl::Status status = CheckRequest(request);
  if (status.ok()) status = watcher->Open(request);
  if (status.ok()) status = hub.Add(watcher);
  absl::MutexLock lock(&watcher->mutex_);
  watcher->self_ = watcher;
  if (!status.ok()) {
    watcher->End(status);
  } else if (!watcher->writing_ && !watcher->finished_) {
    watcher->Advance();
  }
  return watcher.get();
}

absl::Status WatchReactor::Open(const v1::WatchSessionsRequest& request) {
  absl::MutexLock lock(&mutex_);
  auto cursor = table_.Begin(request.resume_revision());
  if (!cursor.ok()) return cursor.status();
  cursor_ = *cursor;
  for (const std::string& name : request.names()) {
    if (request.resume_revision() == 0) {
      if (auto session = table_.Get(name); !session.ok()) {
        return session.status();
      }
    }
    filter_.names.insert(name);
  }
  filter_.labels = {request.labels().begin(), request.labels().end()};
  filter_.include_recipients = request.include_recipients();
  return absl::OkStatus();
}

void WatchReactor::Wake() {
  absl::MutexLock lock(&mutex_);
  more_ = true;
  if (!writing_ && !finished_) Advance();
}

void WatchReactor::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  more_ = true;
  if (!writing_ && !finished_) Advance();
}

void WatchReactor::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  response_ = v1::WatchSessionsResponse();  // A client may be idle for long.
  if (!ok || cancelled_) return End(absl::CancelledError("the client left"));
  if (more_) Advance();
}

void WatchReactor::OnCancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (!writing_) End(absl::CancelledError("the client left"));
}

void WatchReactor::OnDone() {
  std::shared_ptr<WatchReactor> self;  // Goes after the lock.
  absl::MutexLock lock(&mutex_);
  self = std::exchange(self_, nullptr);
  hub_.Remove(self);
}

void WatchReactor::Advance() {
  if (Fill()) {
    writing_ = true;
    StartWrite(&response_);
  } else if (stopping_) {
    End(absl::UnavailableError(
        "the service is stopping; watch again when it is back"));
  }
}

bool WatchReactor::Fill() {
  // A part of the snapshot may hold nothing for this watcher.
  bool in_snapshot;
  do {
    in_snapshot = cursor_.in_snapshot;
    more_ = table_.Next(filter_, cursor_, kMaxChanges, response_);
  } while (response_.changes().empty() && cursor_.in_snapshot);
  end_seen_ |= std::ranges::any_of(response_.changes(), [](const auto& change) {
    return change.session().has_end_time();
  });
  if (!in_snapshot) hub_.progress_pace().Spend(response_.changes_size());
  if (in_snapshot ? !cursor_.in_snapshot : !more_ && BookmarkIsDue()) {
    response_.set_bookmark(true);
    bookmark_ = cursor_.revision;
    bookmark_time_ = Clock::now();
    end_seen_ = false;
  }
  return response_.bookmark() || !response_.changes().empty();
}

bool WatchReactor::BookmarkIsDue() const {
  if (bookmark_ == cursor_.revision) return false;
  // The first ends what a resumed watch has missed. A client that waits for the
  // end of a session learns at once that all is said. The last, when the
  // service stops, lets it resume from there.
  return bookmark_ == 0 || end_seen_ || stopping_ ||
         Clock::now() - bookmark_time_ >= kBookmarkInterval;
}

void WatchReactor::End(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  Finish(ToGrpc(status));
}

}  // namespace tcptool::server
