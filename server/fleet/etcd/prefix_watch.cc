#include "server/fleet/etcd/prefix_watch.h"

#include <asio/steady_timer.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/fleet/etcd/backoff.h"

namespace tcptool::fleet {

using dataplane::Clock;

// Kept by what it waits for: answers and timers.
class PrefixWatch::Follower final
    : public std::enable_shared_from_this<Follower> {
 public:
  Follower(const asio::any_io_executor& executor, EtcdCalls* etcd,
           PrefixWatchOptions options, Events events)
      : etcd_(etcd),
        options_(std::move(options)),
        end_(EndOfPrefix(options_.prefix)),
        events_(std::move(events)),
        watch_timer_(executor),
        list_timer_(executor),
        begin_timer_(executor) {}

  const std::map<std::string, PrefixEntry>& entries() const {
    return mirror_.entries();
  }

  // All keys, page by page, all at the revision of the first page.
  void List() {
    list_timer_.cancel();
    mirror_.BeginList();
    listed_.clear();
    ListPage(++lists_, options_.prefix, 0);
  }

  void End() {
    ended_ = true;
    events_ = {};
    stream_.reset();
    watch_timer_.cancel();
    list_timer_.cancel();
    begin_timer_.cancel();
  }

 private:
  void ListPage(int list, const std::string& from, int64_t revision) {
    etcdserverpb::RangeRequest request;
    request.set_key(from);
    request.set_range_end(end_);
    request.set_revision(revision);
    request.set_limit(options_.page_size);
    etcd_->Range(request,
                 [self = shared_from_this(), list, revision](
                     absl::StatusOr<etcdserverpb::RangeResponse> response,
                     Clock::time_point) {
                   // Another may have been begun since.
                   if (self->ended_ || list != self->lists_) return;
                   self->ListedPage(std::move(response), revision);
                 });
  }

  void ListedPage(absl::StatusOr<etcdserverpb::RangeResponse> response,
                  int64_t revision) {
    if (!response.ok()) {
      return Retry(list_timer_, response.status(),
                   [](Follower& follower) { follower.List(); });
    }
    if (revision == 0) revision = response->header().revision();
    for (etcdserverpb::KeyValue& key : *response->mutable_kvs()) {
      listed_.push_back(std::move(key));
    }
    if (response->more() && response->kvs_size() > 0) {
      // The next key there can be.
      return ListPage(lists_, listed_.back().key() + '\0', revision);
    }
    const int64_t seen = mirror_.revision();
    const bool has_gone_back = mirror_.HasGoneBack(listed_, revision);
    const PrefixMirror::Changes changes = mirror_.EndList(listed_, revision);
    listed_ = {};
    WaitFor(list_timer_, options_.list_interval,
            [](Follower& follower) { follower.List(); });
    if (has_gone_back) WentBack(seen);
    if (ended_) return;
    if (seen == 0 || has_gone_back || !changes.empty()) Tell(changes);
    if (!ended_) Watch();
  }

  void WentBack(int64_t seen) {
    // It waits for revisions that are still to come.
    CloseStream();
    const auto trouble = events_.trouble;
    trouble(absl::DataLossError(absl::StrCat(
        "etcd has gone back, as it was restored from an older backup or has "
        "begun anew: it was at revision ",
        seen, ", and is at ", mirror_.revision(), "; what it has of ",
        options_.prefix, " now is what counts")));
  }

  // What has happened since the last list and the last event.
  void Watch() {
    if (stream_ != nullptr) return;
    etcdserverpb::WatchCreateRequest request;
    request.set_key(options_.prefix);
    request.set_range_end(end_);
    request.set_start_revision(mirror_.revision() + 1);
    begun_at_ = Clock::now();
    WaitFor(begin_timer_, options_.begin_timeout, [](Follower& follower) {
      follower.Ended(absl::UnavailableError(
          "etcd has not begun a watch that it was asked for"));
    });
    stream_ = etcd_->Watch(
        request,
        {.response =
             [self = shared_from_this()](
                 const etcdserverpb::WatchResponse& response) {
               self->Received(response);
             },
         .end = [self = shared_from_this()](
                    const absl::Status& status) { self->Ended(status); }});
  }

  void Received(const etcdserverpb::WatchResponse& response) {
    if (response.canceled()) return Cancelled(response);
    if (response.created()) {
      begin_timer_.cancel();
      // The member is behind, or etcd has gone back: a list says which.
      if (response.has_header() &&
          response.header().revision() < mirror_.revision()) {
        List();
      }
    }
    const PrefixMirror::Changes changes = mirror_.Apply(response);
    if (!changes.empty()) Tell(changes);
  }

  void Cancelled(const etcdserverpb::WatchResponse& response) {
    CloseStream();
    // What came between is gone: a list says what became of it.
    if (response.compact_revision() != 0) return List();
    // A list says, too, whether it is still allowed.
    Retry(list_timer_,
          absl::Status(
              absl::StrContains(response.cancel_reason(), "permission denied")
                  ? absl::StatusCode::kPermissionDenied
                  : absl::StatusCode::kUnavailable,
              absl::StrCat("etcd has cancelled the watch of ", options_.prefix,
                           ": ", response.cancel_reason())),
          [](Follower& follower) { follower.List(); });
  }

  void Ended(const absl::Status& status) {
    if (ended_) return;
    CloseStream();
    Retry(watch_timer_, status, [](Follower& follower) { follower.Watch(); });
  }

  void CloseStream() {
    begin_timer_.cancel();
    stream_.reset();
    // It was no stream that ends as soon as it begins.
    if (Clock::now() - begun_at_ > options_.begin_timeout) backoff_.Reset();
  }

  void Retry(asio::steady_timer& timer, const absl::Status& status,
             void (*then)(Follower&)) {
    WaitFor(timer, backoff_.Next(), then);
    const auto trouble = events_.trouble;
    trouble(status);
  }

  void Tell(const PrefixMirror::Changes& changes) {
    const auto changed = events_.changed;
    changed(changes, mirror_.revision());
  }

  void WaitFor(asio::steady_timer& timer, std::chrono::milliseconds time,
               void (*then)(Follower&)) {
    timer.expires_after(time);
    timer.async_wait([self = shared_from_this(), then](std::error_code error) {
      if (!error && !self->ended_) then(*self);
    });
  }

  EtcdCalls* const etcd_;
  const PrefixWatchOptions options_;
  const std::string end_;
  Events events_;
  // Until the next try. Watching and listing may both have failed, so each has
  // a timer of its own.
  asio::steady_timer watch_timer_;
  asio::steady_timer list_timer_;
  asio::steady_timer begin_timer_;  // Until the stream has begun.
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(2)};
  PrefixMirror mirror_;
  int lists_ = 0;  // How many were begun.
  std::vector<etcdserverpb::KeyValue> listed_;
  std::unique_ptr<EtcdWatchStream> stream_;
  Clock::time_point begun_at_;
  bool ended_ = false;
};

PrefixWatch::PrefixWatch(const asio::any_io_executor& executor, EtcdCalls* etcd,
                         PrefixWatchOptions options, Events events)
    : follower_(std::make_shared<Follower>(executor, etcd, std::move(options),
                                           std::move(events))) {
  follower_->List();
}

PrefixWatch::~PrefixWatch() { follower_->End(); }

const std::map<std::string, PrefixEntry>& PrefixWatch::entries() const {
  return follower_->entries();
}

std::string EndOfPrefix(std::string prefix) {
  while (!prefix.empty() && prefix.back() == '\xff') prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');  // All keys behind.
  ++prefix.back();
  return prefix;
}

}  // namespace tcptool::fleet
