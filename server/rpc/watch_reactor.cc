#include "server/rpc/watch_reactor.h"

#include <algorithm>
#include <string>
#include <utility>

#include "server/api/errors.h"
#include "server/api/request_checks.h"

namespace tcptool::server {
namespace {

// Changes per message. Most of a message's cost does not depend on its size;
// but each watcher that does not read holds one, so it is bounded to some tens
// of KiB.
constexpr size_t kMaxChanges = 64;
constexpr auto kBookmarkInterval = std::chrono::seconds(1);

template <typename Request, typename Selection>
void Select(const Request& request, WatchFilter<Selection>& filter) {
  filter.names = {request.names().begin(), request.names().end()};
  filter.labels = {request.labels().begin(), request.labels().end()};
  filter.view = request.view();
}

}  // namespace

SessionFilter SessionWatch::FilterOf(const Request& request) {
  SessionFilter filter;
  Select(request, filter);
  filter.selection = request.session_filter();
  filter.include_recipients = request.include_recipients();
  filter.recipients = RecipientSelection(request.recipient_filter());
  return filter;
}

ReceptionTable::Filter ReceptionWatch::FilterOf(const Request& request) {
  ReceptionTable::Filter filter;
  Select(request, filter);
  filter.selection = request.reception_filter();
  return filter;
}

fleet::DistributionTable::Filter DistributionWatch::FilterOf(
    const Request& request) {
  Table::Filter filter;
  Select(request, filter);
  filter.selection = request.distribution_filter();
  filter.include_moves = request.include_moves();
  return filter;
}

template <typename Watch>
void WatchReactor<Watch>::OnRead(bool ok) {
  typename Watch::Request request;
  absl::Status status =
      ok ? Parse(request)
         : absl::InvalidArgumentError("the request has not come");
  if (status.ok()) status = CheckRequest(request);
  if (status.ok()) status = Open(request);
  if (status.ok()) {
    const auto watcher =
        std::static_pointer_cast<WatchReactor<Watch>>(shared_from_this());
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

template <typename Watch>
absl::Status WatchReactor<Watch>::Open(const typename Watch::Request& request) {
  absl::MutexLock lock(&mutex_);
  auto cursor = table_.Begin(request.resume_revision());
  if (!cursor.ok()) return cursor.status();
  cursor_ = *cursor;
  for (const std::string& name : request.names()) {
    if (request.resume_revision() != 0) break;
    if (auto found = table_.Get(name); !found.ok()) return found.status();
  }
  filter_ = Watch::FilterOf(request);
  return absl::OkStatus();
}

template <typename Watch>
void WatchReactor<Watch>::Wake() {
  absl::MutexLock lock(&mutex_);
  more_ = true;
  if (!writing_ && !finished_) Advance();
}

template <typename Watch>
void WatchReactor<Watch>::Stop() {
  absl::MutexLock lock(&mutex_);
  stopping_ = true;
  more_ = true;
  if (!writing_ && !finished_) Advance();
}

template <typename Watch>
void WatchReactor<Watch>::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok || cancelled_) return EndOnce(CancelReason());
  if (more_) Advance();
}

template <typename Watch>
void WatchReactor<Watch>::OnCancel() {
  absl::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (!writing_) EndOnce(CancelReason());
}

template <typename Watch>
void WatchReactor<Watch>::OnDone() {
  std::shared_ptr<Watcher> watcher;
  {
    absl::MutexLock lock(&mutex_);
    watcher = std::exchange(watcher_, nullptr);
  }
  if (watcher != nullptr) hub_.Remove(watcher);
  Call::OnDone();
}

template <typename Watch>
void WatchReactor<Watch>::Advance() {
  typename Watch::Response response;
  if (Fill(response)) {
    writing_ = true;
    Write(response);
  } else if (stopping_) {
    EndOnce(
        Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                    "the service is stopping; watch again when it is back"));
  }
}

template <typename Watch>
bool WatchReactor<Watch>::Fill(typename Watch::Response& response) {
  // A part of the snapshot, or of the log, may have nothing that the filter
  // selects.
  bool in_snapshot;
  do {
    in_snapshot = cursor_.in_snapshot;
    const auto more = table_.Next(filter_, cursor_, kMaxChanges, response);
    if (!more.ok()) {
      EndOnce(more.status());
      return false;
    }
    more_ = *more;
  } while (response.changes().empty() &&
           (cursor_.in_snapshot || (!in_snapshot && more_)));
  end_seen_ |= std::ranges::any_of(response.changes(), Watch::IsEnd);
  if (!in_snapshot) hub_.progress_pace().Spend(response.changes_size());
  if (in_snapshot ? !cursor_.in_snapshot : !more_ && BookmarkIsDue()) {
    response.set_bookmark(true);
    bookmark_ = cursor_.revision;
    bookmark_time_ = Clock::now();
    end_seen_ = false;
  }
  return response.bookmark() || !response.changes().empty();
}

template <typename Watch>
bool WatchReactor<Watch>::BookmarkIsDue() const {
  if (bookmark_ == cursor_.revision) return false;
  // A bookmark is due: after what a resumed watch has missed; when something
  // has ended, so that a client that waits for this knows that it has
  // everything; and when the service stops, so that the client can resume
  // there.
  return bookmark_ == 0 || end_seen_ || stopping_ ||
         Clock::now() - bookmark_time_ >= kBookmarkInterval;
}

template <typename Watch>
void WatchReactor<Watch>::EndOnce(const absl::Status& status) {
  if (!std::exchange(finished_, true)) End(status);
}

template class WatchReactor<SessionWatch>;
template class WatchReactor<ReceptionWatch>;
template class WatchReactor<DistributionWatch>;

}  // namespace tcptool::server
