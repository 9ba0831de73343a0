#include "server/fleet/coordinator/plan_writer.h"

#include <algorithm>
#include <asio/steady_timer.hpp>
#include <deque>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "server/fleet/coordinator/decision.h"
#include "server/fleet/coordinator/transactions.h"
#include "server/fleet/etcd/backoff.h"
#include "server/fleet/etcd/prefix_watch.h"
#include "server/fleet/state/fleet_state.h"

namespace tcptool::fleet {
namespace {

// An expiry is by the clock of the day, which may be set meanwhile.
constexpr std::chrono::minutes kLongestWait(1);

// After a transaction was carried out, until the watch has told of it.
constexpr std::chrono::seconds kLongestUnseen(2);

}  // namespace

// Kept by what it waits for: answers and timers.
class PlanWriter::Writer final : public std::enable_shared_from_this<Writer> {
 public:
  Writer(const asio::any_io_executor& executor, EtcdCalls* etcd,
         PlanWriterOptions options, Events events)
      : executor_(executor),
        etcd_(etcd),
        options_(std::move(options)),
        events_(std::move(events)),
        timer_(executor),
        state_(std::in_place, options_.keys) {}

  void List() {
    watch_.reset();
    is_listing_ = true;
    seen_ = 0;
    written_ = 0;  // The list has it.
    watch_ = std::make_unique<PrefixWatch>(
        executor_, etcd_, PrefixWatchOptions{.prefix = options_.keys.prefix()},
        PrefixWatch::Events{
            .changed =
                [this](const PrefixMirror::Changes& changes, int64_t revision) {
                  // All there is.
                  if (std::exchange(is_listing_, false)) {
                    state_.emplace(options_.keys);
                  }
                  state_->Apply(changes);
                  seen_ = revision;
                  Reconsider();
                },
            .trouble = [this](const absl::Status& status) { Tell(status); }});
  }

  const FleetState& state() const { return *state_; }

  void ReportSlow(const std::string& distribution, const std::string& node) {
    const auto found = state_->distributions().find(distribution);
    if (found == state_->distributions().end() ||
        !found->second.edges.contains(node)) {
      return;
    }
    slow_[distribution].insert(node);
    Reconsider();
  }

  void Reconsider() {
    if (ended_ || is_writing_ || is_pausing_ || seen_ == 0) return;
    is_pausing_ = true;
    WaitFor(options_.pause, [](Writer& writer) { writer.DecideNow(); });
  }

  void End() {
    ended_ = true;
    events_ = {};
    timer_.cancel();
    watch_.reset();
  }

 private:
  void DecideNow() {
    is_pausing_ = false;
    // The watch will tell the rest, unless etcd has lost it.
    if (seen_ < written_) {
      return WaitFor(kLongestUnseen, [](Writer& writer) { writer.List(); });
    }
    if (is_first_ && options_.is_continued) {
      for (const auto& [name, distribution] : state_->distributions()) {
        unsettled_.insert(name);
      }
    }
    is_first_ = false;
    std::erase_if(slow_, [this](const auto& slow) {
      return !state_->distributions().contains(slow.first);
    });
    FenceUnsettled();
    if (queue_.empty()) Queue();
    if (!queue_.empty()) return WriteNext();
    WaitForExpiry();
  }

  void FenceUnsettled() {
    const auto& distributions = state_->distributions();
    // Nothing can be written of one without a spec, and nothing will be of one
    // with a head of another version.
    std::erase_if(unsettled_, [&distributions](const std::string& name) {
      const auto found = distributions.find(name);
      return found == distributions.end() || !found->second.spec ||
             found->second.has_unknown_head;
    });
    for (const std::string& name : unsettled_) {
      queue_.push_back(Fence(options_.keys, name, distributions.at(name),
                             options_.coordinator));
    }
    is_fencing_ = !queue_.empty();
  }

  void Queue() {
    for (const DistributionChange& change :
         Decide(*state_, slow_, options_.now())) {
      std::deque<DistributionTransaction> transactions =
          TransactionsOf(options_.keys, change, options_.coordinator);
      std::move(transactions.begin(), transactions.end(),
                std::back_inserter(queue_));
    }
  }

  void WaitForExpiry() {
    const absl::Time expiry = NextExpiry(*state_);
    if (expiry == absl::InfiniteFuture()) return;
    const absl::Duration left = expiry - options_.now();
    WaitFor(std::clamp<std::chrono::milliseconds>(
                absl::ToChronoMilliseconds(left) + std::chrono::milliseconds(1),
                options_.pause, kLongestWait),
            [](Writer& writer) { writer.DecideNow(); });
  }

  void WriteNext() {
    is_writing_ = true;
    etcd_->Txn(
        queue_.front().request,
        [self = shared_from_this()](
            const absl::StatusOr<etcdserverpb::TxnResponse>& response, auto) {
          if (!self->ended_) self->Written(response);
        });
  }

  void Written(const absl::StatusOr<etcdserverpb::TxnResponse>& response) {
    if (!response.ok()) return Failed(response.status());
    if (!response->succeeded()) return Refused();
    backoff_.Reset();
    written_ = response->header().revision();
    if (is_fencing_) unsettled_.erase(queue_.front().distribution);
    queue_.pop_front();
    if (!queue_.empty()) return WriteNext();
    is_writing_ = false;
    Reconsider();
  }

  void Failed(const absl::Status& status) {
    if (absl::IsUnknown(status)) {
      unsettled_.insert(queue_.front().distribution);
    }
    ListLater();
    Tell(status);
  }

  // What it has decided on is not what there is.
  void Refused() {
    ListLater();
    const auto refused = events_.refused;
    refused();
  }

  void ListLater() {
    queue_.clear();
    WaitFor(backoff_.Next(), [](Writer& writer) {
      writer.is_writing_ = false;
      writer.List();
    });
  }

  void Tell(const absl::Status& status) {
    const auto trouble = events_.trouble;
    trouble(status);
  }

  // In place of what was waited for before, also if that is on its way already.
  void WaitFor(std::chrono::milliseconds time, void (*then)(Writer&)) {
    timer_.expires_after(time);
    timer_.async_wait([self = shared_from_this(), wait = ++waits_,
                       then](std::error_code error) {
      if (!error && !self->ended_ && wait == self->waits_) then(*self);
    });
  }

  const asio::any_io_executor executor_;
  EtcdCalls* const etcd_;
  const PlanWriterOptions options_;
  Events events_;
  asio::steady_timer timer_;
  int64_t waits_ = 0;  // How often it was set.
  Backoff backoff_{std::chrono::milliseconds(100), std::chrono::seconds(2)};
  std::unique_ptr<PrefixWatch> watch_;
  std::optional<FleetState> state_;  // There is always one.
  bool is_listing_ = false;          // It is of before.
  SlowNodes slow_;
  int64_t seen_ = 0;     // Up to which revision; 0: not all has come yet.
  int64_t written_ = 0;  // The revision of the last transaction.
  bool is_first_ = true;
  bool is_pausing_ = false;
  bool is_writing_ = false;
  // Distributions of which a transaction may still be carried out.
  std::set<std::string> unsettled_;
  std::deque<DistributionTransaction> queue_;
  bool is_fencing_ = false;  // All in the queue are fences.
  bool ended_ = false;
};

PlanWriter::PlanWriter(const asio::any_io_executor& executor, EtcdCalls* etcd,
                       PlanWriterOptions options, Events events)
    : writer_(std::make_shared<Writer>(executor, etcd, std::move(options),
                                       std::move(events))) {
  writer_->List();
}

PlanWriter::~PlanWriter() { writer_->End(); }

const FleetState& PlanWriter::state() const { return writer_->state(); }

void PlanWriter::ReportSlow(const std::string& distribution,
                            const std::string& node) {
  writer_->ReportSlow(distribution, node);
}

}  // namespace tcptool::fleet
