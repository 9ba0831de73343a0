// How a session starts: when its start condition holds, it becomes
// TRANSFERRING, and its source is prepared; then the fan-outs begin to send.
// All of it runs on the session's lane.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "dataplane/session/session.h"

namespace tcptool::dataplane {

StartCondition::Verdict Session::CheckStart() const {
  if (ending_ || status_.state != SessionState::kWaiting) {
    return StartCondition::Verdict::kWait;
  }
  return start_condition_.Check(
      {.ready = roster_.count(RecipientState::kReady),
       .all_expected_are_ready = roster_.AllExpectedAreReady(),
       .start_byte_seen = start_byte_seen_,
       .max_wait_is_over = max_wait_is_over_});
}

void Session::StartIfDue() {
  switch (CheckStart()) {
    case StartCondition::Verdict::kWait:
      return;
    case StartCondition::Verdict::kStart:
      return BeginTransfer();
    case StartCondition::Verdict::kStartIfAlive:
      return ProbeReady();
  }
}

void Session::OnMaxWaitOver() {
  max_wait_is_over_ = true;
  StartIfDue();
}

void Session::ProbeReady() {
  if (probes_ > 0) return;
  probes_ = fanouts_.size();
  for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
    OnLane(lane, [self = shared_from_this(), fanout = fanouts_[lane]] {
      fanout->ProbeReady(
          [self] { self->OnLane(0, [self] { self->OnLaneProbed(); }); });
    });
  }
}

void Session::OnLaneProbed() {
  // The fan-outs have reported those that are gone before this.
  if (--probes_ > 0 || CheckStart() == StartCondition::Verdict::kWait) return;
  BeginTransfer();
  Notify();
}

void Session::BeginTransfer() {
  roster_.OnStart();
  if (!options_.start.immediate) {
    status_.state = SessionState::kTransferring;
    status_.start_time = absl::Now();
    // Whoever connected before the start may still be in the accept queue,
    // which closing the listener would reset.
    StopAccepting();
    max_wait_timer_.reset();
    expiry_timer_.reset();
    AdmitReady();
  }
  WaitForDisk();
  environment_.disk.Run(source_->disk_client(), [self = shared_from_this()] {
    absl::Status status = self->source_->Prepare();
    self->OnLane(0, [self, status = std::move(status)] {
      if (self->ending_ || self->observer_ == nullptr) return;
      self->disk_timer_.reset();
      if (!status.ok()) {
        self->OnSourceError(status);
      } else if (self->options_.compute_sha256) {
        self->is_digesting_ = true;
        self->DigestNextPart();
      }
      self->source_is_prepared_ = true;
      self->BeginSendingIfPossible();
      self->FinishIfDone();
      self->Notify();
    });
  });
}

void Session::WaitForDisk() {
  RunAfter(disk_timer_.emplace(environment_.lanes[0]->io()),
           options_.limits.disk_timeout, &Session::OnDiskTimeout);
}

void Session::OnDiskTimeout() {
  // Cancelling a timer does not take back a handler that asio has queued.
  if (!disk_timer_) return;
  disk_timer_.reset();
  const absl::Status error = DiskTimedOut(options_.limits.disk_timeout);
  return source_is_prepared_ ? OnDigestEnd(error) : OnSourceError(error);
}

void Session::AdmitReady() {
  uint64_t admitted = 0;
  for (const uint64_t connection : roster_.ReadyConnections()) {
    AdmitOrRefuse(connection, ++admitted);
  }
}

void Session::BeginSendingIfPossible() {
  if (!source_is_prepared_ || is_sending_ || ending_) return;
  // A stream is read once, from its beginning for all: it waits until nobody
  // is HANDSHAKING any more. A file is read by each recipient from its own
  // position, so those who are READY need not wait for the others.
  if (!source_->rereadable() &&
      roster_.count(RecipientState::kHandshaking) > 0) {
    return;
  }
  is_sending_ = true;
  OnEachFanout([](Fanout& fanout) { fanout.Begin(); });
}

}  // namespace tcptool::dataplane
