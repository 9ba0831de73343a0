#include "dataplane/sending/fanout.h"

#include <algorithm>
#include <asio/post.hpp>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// How exactly time limits hold, and how soon the delivery to a recipient that
// half-closed is noticed.
constexpr auto kTick = std::chrono::milliseconds(50);

// Progress is measured and reported this often; more seldom where there are so
// many recipients that it would take a part of the lane's time worth the name.
constexpr auto kMeasure = std::chrono::milliseconds(250);
constexpr auto kMeasureEach = std::chrono::microseconds(250);

// So many bytes go out, to so many recipients, before others on the lane get a
// turn: a few ms.
constexpr size_t kTurn = size_t{16} << 20;
constexpr size_t kTurnRecipients = 64;

// A recipient that is behind another by no more than this catches up with it in
// its turn: both then want the same block while it is hot. Who is further
// behind is slower, or came later.
constexpr size_t kReach = size_t{8} << 20;

// What a recipient gets first, so that the last of a thousand does not wait for
// a whole block to each of the others.
constexpr size_t kFirstPiece = size_t{64} << 10;

// What a recipient gets at least where a rate is shared by many.
constexpr size_t kLeastShare = size_t{16} << 10;

// How long a session that has used up its rate pauses.
constexpr auto kBudgetPause = std::chrono::milliseconds(5);

bool IsActive(const Recipient& recipient) {
  return !recipient.closed() &&
         recipient.status().state != RecipientState::kReady;
}

bool Takes(const Recipient& recipient) {
  return recipient.status().state == RecipientState::kTransferring;
}

}  // namespace

Fanout::Fanout(Lane& lane, std::shared_ptr<Source> source, const Limits& limits,
               Reporter reporter)
    : lane_(lane),
      source_(std::move(source)),
      limits_(limits),
      reporter_(std::move(reporter)),
      budget_(limits.session_bytes_per_second),
      budget_timer_(lane.io()),
      tick_timer_(lane.io()) {}

void Fanout::Add(UniqueFd socket, RecipientStatus status) {
  const uint64_t id = status.id;
  auto recipient =
      std::make_shared<Recipient>(*this, std::move(socket), std::move(status));
  recipients_[id] = recipient;
  admitted_.erase(id);  // One that had this id before, and was lost.
  recipient->Open(Clock::now());
  StartTicking();
}

void Fanout::Admit(uint64_t id) {
  if (feed_ == nullptr) {
    admitted_.insert(id);
    return;
  }
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  if (!source_->rereadable()) positions_.insert(0);
  found->second->Begin(Clock::now());
  StartTicking();
}

void Fanout::Begin() {
  feed_ = source_->OpenFeed(lane_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Requeue(self->waiting_for_feed_);
  });
  for (const uint64_t id : std::exchange(admitted_, {})) Admit(id);
}

void Fanout::Close(uint64_t id, RecipientState state, Reason reason,
                   const std::string& detail) {
  const auto found = recipients_.find(id);
  if (found == recipients_.end() || found->second->closed()) return;
  found->second->Close(state, reason, detail);
}

void Fanout::CloseAll(Reason reason, const std::string& detail) {
  for (const auto& [id, recipient] : recipients_) {
    if (!recipient->closed()) {
      recipient->Close(RecipientState::kFailed, reason, detail);
    }
  }
}

void Fanout::Changed(const Recipient& recipient) {
  report_[recipient.status().id] = recipient.status();
  PostFlush();
}

void Fanout::Queue(std::shared_ptr<Recipient> recipient) {
  queue_.push_back(std::move(recipient));
  PostTurn();
}

void Fanout::WaitForFeed(std::shared_ptr<Recipient> recipient) {
  waiting_for_feed_.push_back(std::move(recipient));
}

void Fanout::WaitForTick(std::shared_ptr<Recipient> recipient) {
  waiting_for_tick_.push_back(std::move(recipient));
}

void Fanout::SourceFailed(const absl::Status& error) {
  if (!source_error_.ok()) return;
  source_error_ = error;
  PostFlush();
}

void Fanout::Requeue(List& list) {
  for (auto& recipient : list) queue_.push_back(std::move(recipient));
  list.clear();
  if (!queue_.empty()) PostTurn();
}

void Fanout::PostTurn() {
  if (std::exchange(turn_posted_, true)) return;
  asio::post(lane_.io(), [self = shared_from_this()] { self->RunTurn(); });
}

void Fanout::RunTurn() {
  // turn_posted_ stays true meanwhile: whoever queues for the next turn posts
  // none, as it may have to wait for the budget.
  const Clock::time_point now = Clock::now();
  const size_t available = budget_.Available(now);
  std::swap(queue_, turn_);
  // An equal part each of what there is, in pieces that are worth a call.
  const size_t share = std::max(kLeastShare, available / turn_.size());
  size_t left = std::min(available, kTurn);
  const auto end =
      turn_.begin() + std::min<ptrdiff_t>(kTurnRecipients, std::ssize(turn_));
  std::sort(turn_.begin(), end, [](const auto& one, const auto& other) {
    return one->position() < other->position();
  });
  auto next = turn_.begin();
  auto ahead = next;  // As far as `next` can reach.
  for (; next != end && left > 0; ++next) {
    const uint64_t reach = (*next)->position() + kReach;
    while (std::next(ahead) != end &&
           (*std::next(ahead))->position() <= reach) {
      ++ahead;
    }
    const uint64_t goal = budget_.limited() ? 0 : (*ahead)->position();
    left -= Serve(*next, share, goal, left, now);
  }
  // Whom it did not reach comes first in the next one.
  queue_.insert(queue_.begin(), std::make_move_iterator(next),
                std::make_move_iterator(turn_.end()));
  turn_.clear();
  TellFeed();
  turn_posted_ = false;
  if (queue_.empty()) return;
  if (budget_.Available(now) > 0) return PostTurn();
  turn_posted_ = true;
  budget_timer_.expires_after(kBudgetPause);
  budget_timer_.async_wait(
      [self = shared_from_this()](std::error_code) { self->RunTurn(); });
}

size_t Fanout::Serve(const std::shared_ptr<Recipient>& recipient, size_t share,
                     uint64_t goal, size_t most, Clock::time_point now) {
  size_t total = 0;
  Recipient::Sent sent{.more = !recipient->closed()};
  while (sent.more && total < most &&
         (total == 0 || recipient->position() < goal)) {
    const size_t limit = recipient->position() == 0 ? kFirstPiece : share;
    sent = recipient->Send(*feed_, std::min(limit, most - total), now);
    if (sent.bytes == 0) break;
    total += sent.bytes;
    budget_.Spend(sent.bytes);
    Moved(recipient->position() - sent.bytes, recipient->position());
  }
  if (sent.more) Queue(recipient);
  return total;
}

void Fanout::Moved(uint64_t from, uint64_t to) {
  if (source_->rereadable()) return;
  fastest_ = std::max(fastest_, to);
  auto node = positions_.extract(positions_.find(from));
  node.value() = to;
  positions_.insert(std::move(node));
}

void Fanout::Left(uint64_t position) {
  if (!source_->rereadable()) positions_.erase(positions_.find(position));
}

void Fanout::TellFeed() {
  if (source_->rereadable()) return;
  feed_->Moved(positions_.empty() ? std::numeric_limits<uint64_t>::max()
                                  : *positions_.begin(),
               fastest_);
}

void Fanout::CheckLag() {
  if (source_->rereadable() || limits_.max_lag_bytes == 0) return;
  for (const auto& [id, recipient] : recipients_) {
    if (Takes(*recipient) &&
        fastest_ - recipient->position() > limits_.max_lag_bytes) {
      recipient->Close(RecipientState::kFailed, Reason::kStalled,
                       absl::StrCat("fell ", fastest_ - recipient->position(),
                                    " bytes behind; ", limits_.max_lag_bytes,
                                    " are allowed"));
    }
  }
}

void Fanout::StartTicking() {
  if (std::exchange(ticking_, true)) return;
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([self = shared_from_this()](std::error_code) {
    self->ticking_ = false;
    self->Tick();
  });
}

void Fanout::Tick() {
  const Clock::time_point now = Clock::now();
  const bool measure =
      now - last_measure_ >=
      std::max<Clock::duration>(kMeasure, kMeasureEach * recipients_.size());
  if (measure) last_measure_ = now;
  bool active = false;
  for (auto next = recipients_.begin(); next != recipients_.end();) {
    const auto current = next++;
    // Holds it while it may close.
    const std::shared_ptr<Recipient> recipient = current->second;
    recipient->Tick(now);
    if (measure && (Takes(*recipient) ||
                    recipient->status().state == RecipientState::kConfirming)) {
      recipient->Measure(now);
    }
    active |= IsActive(*recipient);
    if (recipient->closed()) recipients_.erase(current);
  }
  if (feed_ != nullptr) {
    CheckLag();
    TellFeed();  // What only those had not got that have just been closed.
  }
  Requeue(waiting_for_tick_);
  if (active) StartTicking();
}

void Fanout::PostFlush() {
  if (std::exchange(flush_posted_, true)) return;
  asio::post(lane_.io(), [self = shared_from_this()] { self->Flush(); });
}

void Fanout::Flush() {
  flush_posted_ = false;
  Report report{.source_error = source_error_};
  report.changed.reserve(report_.size());
  for (auto& [id, status] : report_)
    report.changed.push_back(std::move(status));
  report_.clear();
  reporter_(std::move(report));
}

}  // namespace tcptool::dataplane
