#include "dataplane/sending/fanout.h"

#include <algorithm>
#include <asio/post.hpp>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// How soon a send is tried again for which the kernel lacked memory.
constexpr auto kMemoryPause = std::chrono::milliseconds(50);

// The interval of measuring and reporting progress; longer where so many
// recipients are measured that it would take a noticeable part of the lane's
// time.
constexpr auto kMeasureInterval = std::chrono::milliseconds(250);
constexpr auto kMeasureEach = std::chrono::microseconds(250);

// How long a session that has used up its rate pauses.
constexpr auto kBudgetPause = std::chrono::milliseconds(5);

// Not all of the content has been handed to the kernel for it.
bool IsUnserved(const Recipient& recipient) {
  return recipient.status().state != RecipientState::kConfirming;
}

// It has left by itself, and was sent something.
bool HasLeft(const RecipientStatus& status) {
  return status.state == RecipientState::kFailed && status.bytes_sent > 0 &&
         (status.reason == Reason::kConnectionLost ||
          status.reason == Reason::kUnconfirmed);
}

}  // namespace

Fanout::Fanout(Lane& lane, std::shared_ptr<Source> source, const Limits& limits,
               std::shared_ptr<TokenBucket> budget, Reporter reporter,
               std::optional<PacedLane> pace,
               std::shared_ptr<const SessionTls> tls)
    : lane_(lane),
      source_(std::move(source)),
      limits_(limits),
      tls_(std::move(tls)),
      reporter_(std::move(reporter)),
      pace_(std::move(pace)),
      budget_(std::move(budget)),
      pause_timer_(lane.io()),
      measure_timer_(lane.io()),
      memory_timer_(lane.io()) {
  if (!source_->rereadable()) lag_.emplace();
}

void Fanout::Add(UniqueFd socket, RecipientStatus status) {
  if (tls_ == nullptr) {
    return AddAsIs(std::move(socket), nullptr, std::move(status));
  }
  auto tls = std::make_unique<TlsConnection>(lane_.sockets(), tls_->context(),
                                             socket.get(), TlsRole::kServer);
  if (tls_->requires_certificate) tls->RequireCertificate();
  Open(std::move(socket), std::move(status), std::move(tls), tls_.get());
}

void Fanout::AddAsIs(UniqueFd socket, std::unique_ptr<TlsConnection> tls,
                     RecipientStatus status) {
  Open(std::move(socket), std::move(status), std::move(tls), nullptr);
}

void Fanout::Open(UniqueFd socket, RecipientStatus status,
                  std::unique_ptr<TlsConnection> tls, const SessionTls* rules) {
  const uint64_t id = status.id;
  Recipient::Owner& owner = *this;
  auto recipient =
      std::make_shared<Recipient>(lane_, limits_, owner, std::move(socket),
                                  std::move(status), std::move(tls), rules);
  recipients_[id] = recipient;
  recipient->Open(Clock::now());
}

void Fanout::Admit(uint64_t id) {
  if (feed_ == nullptr) {
    admitted_.insert(id);
    return;
  }
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  const std::shared_ptr<Recipient>& recipient = found->second;
  if (lag_) lag_->Add(id, recipient->position());
  recipient->Begin(Clock::now());
  Queue(recipient);
  StartMeasuring();
}

void Fanout::Begin() {
  feed_ = source_->OpenFeed(lane_, [weak = weak_from_this()] {
    if (const auto self = weak.lock())
      self->Requeue(self->waiting_for_content_);
  });
  for (const uint64_t id : std::exchange(admitted_, {})) Admit(id);
}

void Fanout::ProbeReady(std::function<void()> done) {
  probes_done_ = std::move(done);
  const Clock::time_point now = Clock::now();
  for (const auto& [id, recipient] : recipients_) {
    if (recipient->status().state != RecipientState::kReady) continue;
    if (!recipient->is_probed()) recipient->Probe(now);
    if (recipient->is_probed()) probed_.push_back(recipient);
  }
  CheckProbes();
}

void Fanout::CheckProbes() {
  if (probes_done_ == nullptr) return;
  std::erase_if(probed_,
                [](const auto& recipient) { return !recipient->is_probed(); });
  if (!probed_.empty()) return;
  // Posted behind the Flush() that reports those that are closed.
  asio::post(lane_.io(), std::exchange(probes_done_, nullptr));
}

void Fanout::Close(uint64_t id, RecipientState state, Reason reason,
                   const std::string& detail) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  found->second->Close(state, reason, detail);
}

void Fanout::CloseAll(Reason reason, const std::string& detail) {
  FailAllThat([](const Recipient&) { return true; }, reason, detail);
}

void Fanout::CloseUnserved(Reason reason, const std::string& detail) {
  FailAllThat(&IsUnserved, reason, detail);
}

void Fanout::CloseUnserved(uint64_t id, Reason reason,
                           const std::string& detail) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || !IsUnserved(*found->second)) return;
  Close(id, RecipientState::kFailed, reason, detail);
}

void Fanout::ConfirmWithin(uint64_t id, absl::Duration time) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  found->second->ConfirmWithin(time);
}

void Fanout::SetRate(uint64_t id, uint64_t bytes_per_second) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  found->second->SetRate(bytes_per_second);
}

void Fanout::SetRecipientRate(uint64_t bytes_per_second) {
  limits_.recipient_bytes_per_second = bytes_per_second;
  for (const auto& [id, recipient] : recipients_) recipient->ApplyRate();
}

void Fanout::FailAllThat(bool (*matches)(const Recipient&), Reason reason,
                         const std::string& detail) {
  for (const auto& [id, recipient] : recipients_) {
    if (recipient->closed() || !matches(*recipient)) continue;
    recipient->Close(RecipientState::kFailed, reason, detail);
  }
}

void Fanout::Changed(const Recipient& recipient) {
  if (lag_ && !recipient.can_be_sent_to()) lag_->Remove(recipient.status().id);
  report_[recipient.status().id] = recipient.status();
  PostFlush();
  CheckProbes();
  if (HasLeft(recipient.status())) LookAfterLoss();
}

void Fanout::HasRoom(std::shared_ptr<Recipient> recipient) {
  Queue(std::move(recipient));
}

void Fanout::Queue(std::shared_ptr<Recipient> recipient) {
  queue_.push_back(std::move(recipient));
  PostTurn();
}

void Fanout::SourceFailed(const absl::Status& error) {
  if (!source_error_.ok()) return;
  source_error_ = error;
  PostFlush();
}

void Fanout::LookAfterLoss() {
  if (looks_after_loss_) {
    has_new_loss_ = true;
    return;
  }
  looks_after_loss_ = true;
  has_new_loss_ = false;
  feed_->Verify([weak = weak_from_this()](const absl::Status& status) {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->looks_after_loss_ = false;
    if (!status.ok()) return self->SourceFailed(status);
    if (self->has_new_loss_) self->LookAfterLoss();
  });
}

void Fanout::Requeue(List& list) {
  for (auto& recipient : list) queue_.push_back(std::move(recipient));
  list.clear();
  if (!queue_.empty()) PostTurn();
}

void Fanout::PostTurn() {
  if (std::exchange(turn_posted_, true)) return;
  turn_memory_.Post(lane_.io(),
                    [self = shared_from_this()] { self->RunTurn(); });
}

void Fanout::RunTurn() {
  // turn_posted_ stays true meanwhile, so that no other turn is posted: this
  // one may have to wait for other lanes, or for the budget.
  const Clock::time_point now = Clock::now();
  const size_t planned = std::min(queue_.size(), TurnPlan::kMostRecipients);
  positions_.clear();
  for (size_t i = 0; i < planned; ++i) {
    positions_.push_back(queue_[i]->position());
  }
  if (pace_ && !pace_->MaySend(positions_, LaneTime(now))) {
    return RunTurnAfter(Pace::kPause);
  }
  std::swap(queue_, turn_);
  const bool is_limited = budget_->limited();
  plan_.Make(positions_, turn_.size(), budget_->Available(now), is_limited);
  size_t left = plan_.most;
  auto step = plan_.steps.begin();
  for (; step != plan_.steps.end() && left > 0; ++step) {
    left -= Serve(turn_[step->recipient], *step, left, now);
  }
  // Later turns do not pay for one that was planned before there was a rate.
  if (is_limited) budget_->Spend(plan_.most - left);
  // Those that this turn did not reach come first in the next one.
  unreached_.clear();
  for (; step != plan_.steps.end(); ++step) {
    unreached_.push_back(std::move(turn_[step->recipient]));
  }
  std::move(turn_.begin() + planned, turn_.end(),
            std::back_inserter(unreached_));
  queue_.insert(queue_.begin(), std::make_move_iterator(unreached_.begin()),
                std::make_move_iterator(unreached_.end()));
  turn_.clear();
  CheckLag();
  TellFeed();
  if (!queue_.empty() && budget_->Available(now) == 0) {
    return RunTurnAfter(kBudgetPause);
  }
  turn_posted_ = false;
  if (!queue_.empty()) return PostTurn();
  if (pace_) pace_->Rest(LaneTime(Clock::now()));
}

void Fanout::RunTurnAfter(Clock::duration pause) {
  pause_timer_.expires_after(pause);
  pause_timer_.async_wait(
      [self = shared_from_this()](std::error_code) { self->RunTurn(); });
}

PacedLane::Time Fanout::LaneTime(Clock::time_point now) const {
  return {.now = now,
          .processor = absl::ToChronoNanoseconds(lane_.processor_time())};
}

size_t Fanout::Serve(const std::shared_ptr<Recipient>& recipient,
                     const TurnPlan::Step& step, size_t most,
                     Clock::time_point now) {
  using Wait = Recipient::Wait;
  if (!recipient->can_be_sent_to()) return 0;
  size_t total = 0;
  size_t piece = step.first;
  Recipient::Sent sent;
  do {
    sent = recipient->Send(*feed_, std::min(piece, most - total), now);
    if (sent.bytes > 0) {
      total += sent.bytes;
      if (lag_) lag_->Move(recipient->status().id, recipient->position());
    }
    piece = plan_.share;
  } while (sent.wait == Wait::kNothing && total < most &&
           recipient->position() < step.goal);
  switch (sent.wait) {
    case Wait::kNothing:
      queue_.push_back(recipient);
      break;
    case Wait::kContent:
      waiting_for_content_.push_back(recipient);
      break;
    case Wait::kMemory:
      waiting_for_memory_.push_back(recipient);
      RetryMemory();
      break;
    case Wait::kRoom:  // HasRoom() is called.
      break;
    case Wait::kForever:
      if (!sent.source_error.ok()) SourceFailed(sent.source_error);
      break;
  }
  return total;
}

void Fanout::TellFeed() {
  if (lag_) feed_->Moved(lag_->slowest(), lag_->fastest());
}

void Fanout::CheckLag() {
  if (!lag_ || limits_.max_lag_bytes == 0) return;
  // Where nobody is left, slowest() is above fastest(); the lag is then 0.
  const uint64_t slowest = std::min(lag_->slowest(), lag_->fastest());
  if (lag_->fastest() - slowest <= limits_.max_lag_bytes) return;
  for (const auto& [id, recipient] : recipients_) {
    if (!recipient->can_be_sent_to()) continue;
    const uint64_t lag = lag_->fastest() - recipient->position();
    if (lag <= limits_.max_lag_bytes) continue;
    recipient->Close(RecipientState::kFailed, Reason::kStalled,
                     absl::StrCat("fell ", lag, " bytes behind; ",
                                  limits_.max_lag_bytes, " are allowed"));
  }
}

void Fanout::RetryMemory() {
  if (waiting_for_memory_.size() > 1) return;  // The timer is running.
  memory_timer_.expires_after(kMemoryPause);
  memory_timer_.async_wait([weak = weak_from_this()](std::error_code) {
    if (const auto self = weak.lock()) self->Requeue(self->waiting_for_memory_);
  });
}

void Fanout::StartMeasuring() {
  if (std::exchange(measuring_, true)) return;
  measure_timer_.expires_after(std::max<Clock::duration>(
      kMeasureInterval, kMeasureEach * recipients_.size()));
  measure_timer_.async_wait([weak = weak_from_this()](std::error_code) {
    if (const auto self = weak.lock()) self->Measure();
  });
}

void Fanout::Measure() {
  measuring_ = false;
  const Clock::time_point now = Clock::now();
  bool in_flight = false;
  for (const auto& [id, recipient] : recipients_) {
    if (!recipient->in_flight()) continue;
    recipient->Measure(now);
    in_flight |= recipient->in_flight();
  }
  if (in_flight) StartMeasuring();
}

void Fanout::PostFlush() {
  if (std::exchange(flush_posted_, true)) return;
  asio::post(lane_.io(), [self = shared_from_this()] { self->Flush(); });
}

void Fanout::Flush() {
  flush_posted_ = false;
  Report report{.source_error = source_error_};
  report.changed.reserve(report_.size());
  for (auto& [id, status] : report_) {
    // Deferred to here, since the recipient may have closed within one of its
    // own methods, or in a loop over recipients_.
    const auto found = recipients_.find(id);
    if (found != recipients_.end() && found->second->closed()) {
      recipients_.erase(found);
    }
    report.changed.push_back(std::move(status));
  }
  report_.clear();
  // Releases content that only recipients that have closed were missing.
  if (feed_ != nullptr) TellFeed();
  reporter_(std::move(report));
}

}  // namespace tcptool::dataplane
