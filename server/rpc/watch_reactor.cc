#include "server/rpc/watch_reactor.h"

#include <algorithm>
#include <utility>

#include "server/api/request_checks.h"

namespace tcptool::server {
namespace {

// Changes per message. Most of a message's cost does not depend on its size;
// but each watcher that does not read holds one, so it is bounded to some tens
// of KiB.
constexpr size_t kMaxChanges = 64;
constexpr auto kBookmarkInterval = std::chrono::seconds(1);

}  // namespace

void WatchReactor::OnRead(bool ok) {
  v1::WatchSessionsRequest request;
  absl::Status status =
      ok ? Parse(request)
         : absl::InvalidArgumentError("the request has not come");
  if (status.ok()) status = CheckRequest(request);
  if (status.ok()) status = Open(request);
  if (status.ok()) {
    const auto watcher =
        std::static_pointer_cast<WatchReactor>(shared_from_this());
    status = hub_.Add(watcher);
    absl::MutexLock lock(&mutex_);
    watcher_ = watcher;
  }
  absl::MutexLock lock(&mutex_);
  if (!status.ok()) {
    EndOnce(status);
  } else if (!writing_ && !finished_) {
    Advance();
  }
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

void WatchReactor::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok || cancelled_) return EndOnce(CancelReason());
  if (more_) Advance();
}

void WatchReactor::OnCancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (!writing_) EndOnce(CancelReason());
}

void WatchReactor::OnDone() {
  std::shared_ptr<Watcher> watcher;
  {
    absl::MutexLock lock(&mutex_);
    watcher = std::exchange(watcher_, nullptr);
  }
  if (watcher != nullptr) hub_.Remove(watcher);
  Call::OnDone();
}

void WatchReactor::Advance() {
  v1::WatchSessionsResponse response;
  if (Fill(response)) {
    writing_ = true;
    Write(response);
  } else if (stopping_) {
    EndOnce(absl::UnavailableError(
        "the service is stopping; watch again when it is back"));
  }
}

bool WatchReactor::Fill(v1::WatchSessionsResponse& response) {
  // A part of the snapshot may have nothing that the filter selects.
  bool in_snapshot;
  do {
    in_snapshot = cursor_.in_snapshot;
    const auto more = table_.Next(filter_, cursor_, kMaxChanges, response);
    if (!more.ok()) {
      EndOnce(more.status());
      return false;
    }
    more_ = *more;
  } while (response.changes().empty() && cursor_.in_snapshot);
  end_seen_ |= std::ranges::any_of(response.changes(), [](const auto& change) {
    return change.session().has_end_time();
  });
  if (!in_snapshot) hub_.progress_pace().Spend(response.changes_size());
  if (in_snapshot ? !cursor_.in_snapshot : !more_ && BookmarkIsDue()) {
    response.set_bookmark(true);
    bookmark_ = cursor_.revision;
    bookmark_time_ = Clock::now();
    end_seen_ = false;
  }
  return response.bookmark() || !response.changes().empty();
}

bool WatchReactor::BookmarkIsDue() const {
  if (bookmark_ == cursor_.revision) return false;
  // A bookmark is due: after what a resumed watch has missed; when a session
  // has ended, so that a client that waits for this knows that it has
  // everything; and when the service stops, so that the client can resume
  // there.
  return bookmark_ == 0 || end_seen_ || stopping_ ||
         Clock::now() - bookmark_time_ >= kBookmarkInterval;
}

void WatchReactor::EndOnce(const absl::Status& status) {
  if (!std::exchange(finished_, true)) End(status);
}

}  // namespace tcptool::server
