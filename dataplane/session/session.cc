#include "dataplane/session/session.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tcptool::dataplane {

using asio::ip::tcp;

absl::StatusOr<std::shared_ptr<Session>> Session::Create(
    Environment environment, SessionOptions options,
    std::shared_ptr<Source> source, std::shared_ptr<SessionObserver> observer) {
  if (options.start.immediate && !source->rereadable()) {
    return absl::InvalidArgumentError(
        "an immediate session needs a file: a stream cannot be served again "
        "to those who come later");
  }
  if (options.compute_sha256) source->digest().Enable();
  Lane& home = *environment.lanes.front();
  absl::StatusOr<Listener> listener =
      Listener::Listen(home.io(), home.sockets(),
                       tcp::endpoint(options.bind_address, options.port));
  if (!listener.ok()) return listener.status();
  std::shared_ptr<Session> session(
      new Session(std::move(environment), std::move(options), std::move(source),
                  std::move(observer), *std::move(listener)));
  session->OnLane(0, [session] { session->Open(); });
  return session;
}

Session::Session(Environment environment, SessionOptions options,
                 std::shared_ptr<Source> source,
                 std::shared_ptr<SessionObserver> observer, Listener listener)
    : environment_(std::move(environment)),
      options_(std::move(options)),
      source_(std::move(source)),
      observer_(std::move(observer)),
      listener_(std::move(listener)),
      roster_(options_.expected,
              options_.resume ? options_.resume->last_recipient : 0,
              environment_.counters) {
  // One feed, or one rate, for all: they share a lane.
  if (!source_->feed_per_lane() ||
      options_.limits.session_bytes_per_second > 0) {
    environment_.lanes.resize(1);
  }
  status_.data_endpoint = listener_->endpoint();
  status_.create_time =
      options_.resume ? options_.resume->create_time : absl::Now();
  status_.content_length = source_->length();
  roster_.Sum(status_);
  initial_status_ = status_;
  initial_recipients_ = roster_.changed();
}

template <typename Call>
void Session::OnLane(size_t index, Call call) {
  asio::post(environment_.lanes[index]->io(), std::move(call));
}

void Session::Open() {
  if (ending_) return;
  for (Lane* lane : environment_.lanes) {
    fanouts_.push_back(std::make_shared<Fanout>(
        *lane, source_, options_.limits,
        [weak = weak_from_this()](Fanout::Report report) {
          const auto self = weak.lock();
          if (self == nullptr) return;
          self->OnLane(0, [self, report = std::move(report)]() mutable {
            self->OnReport(std::move(report));
          });
        }));
  }
  listener_->Open({
      // The listener belongs to the session, which therefore is there.
      .on_connection =
          [this](UniqueFd socket, const tcp::endpoint& peer) {
            OnConnection(std::move(socket), peer);
          },
      .on_no_descriptors =
          [this](const tcp::endpoint& peer) { OnNoDescriptors(peer); },
  });
  if (options_.start.max_wait > absl::ZeroDuration()) {
    After(max_wait_timer_.emplace(environment_.lanes[0]->io()),
          options_.start.max_wait, &Session::OnMaxWait);
  } else {
    max_wait_passed_ = true;
  }
  if (options_.expire_after != absl::InfiniteDuration()) {
    After(expiry_timer_.emplace(environment_.lanes[0]->io()),
          status_.create_time + options_.expire_after - absl::Now(),
          &Session::OnExpiry);
  }
  if (options_.start.immediate) Begin();
  Notify();
}

void Session::After(asio::steady_timer& timer, absl::Duration delay,
                    void (Session::*then)()) {
  timer.expires_after(
      absl::ToChronoNanoseconds(std::min(delay, absl::Hours(24 * 365))));
  timer.async_wait([weak = weak_from_this(), then](std::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->ending_) return;
    ((*self).*then)();
    self->Notify();
  });
}

void Session::OnConnection(UniqueFd socket, const tcp::endpoint& peer) {
  if (!options_.allow.Allows(peer.address())) {
    ResetAndClose(socket.release());
    return Reject(peer, Reason::kNotAuthorized,
                  absl::StrCat(peer.address().to_string(),
                               " matches no access rule of the session"));
  }
  if (roster_.connected() >= environment_.max_recipients) {
    ResetAndClose(socket.release());
    return Reject(peer, Reason::kCapacity,
                  absl::StrCat("the session has ", environment_.max_recipients,
                               " connections, as many as the service allows"));
  }
  AddRecipient(std::move(socket), peer);
}

void Session::AddRecipient(UniqueFd socket, const tcp::endpoint& peer) {
  RecipientStatus status = roster_.Connect(peer);
  const size_t lane = LaneOf(status.id);
  OnLane(lane, [fanout = fanouts_[lane], socket = std::move(socket),
                status = std::move(status)]() mutable {
    fanout->Add(std::move(socket), std::move(status));
  });
  Notify();
}

void Session::OnNoDescriptors(const tcp::endpoint& peer) {
  Reject(peer, Reason::kCapacity,
         "the service is out of file descriptors; raise its limit (ulimit -n, "
         "LimitNOFILE=)");
}

void Session::Reject(const tcp::endpoint& peer, Reason reason,
                     std::string detail) {
  roster_.Reject(peer, reason, std::move(detail));
  Notify();
}

void Session::OnReport(Fanout::Report report) {
  if (observer_ == nullptr) return;  // Ended.
  for (const RecipientStatus& status : report.changed) {
    if (status_.state == SessionState::kWaiting &&
        status.state == RecipientState::kTransferring) {
      status_.state = SessionState::kTransferring;  // An immediate's first.
      status_.start_time = status.start_time;
    }
    if (roster_.Merge(status)) OnReady(status);
  }
  if (!report.source_error.ok()) OnSourceError(report.source_error);
  if (!ending_ && status_.state == SessionState::kWaiting &&
      StartConditionHolds()) {
    Begin();
  }
  BeginSending();
  FinishIfDone();
  Notify();
}

void Session::OnReady(const RecipientStatus& status) {
  const size_t lane = LaneOf(status.id);
  const uint64_t admitted = roster_.connected() -
                            roster_.count(RecipientState::kHandshaking) +
                            roster_.count(RecipientState::kDelivered);
  if (options_.max_recipients > 0 && admitted > options_.max_recipients) {
    roster_.Refuse(status.id);
    return OnLane(lane, [fanout = fanouts_[lane], id = status.id] {
      fanout->Close(id, RecipientState::kRejected, Reason::kCapacity,
                    "the session has as many recipients as it was asked to "
                    "serve");
    });
  }
  start_byte_seen_ |= status.start_byte;
  OnLane(lane,
         [fanout = fanouts_[lane], id = status.id] { fanout->Admit(id); });
}

bool Session::StartConditionHolds() const {
  if (options_.start.immediate) return false;  // It has begun.
  const uint64_t ready = roster_.count(RecipientState::kReady);
  if (ready == 0) return false;
  if (options_.max_recipients > 0 && ready >= options_.max_recipients) {
    return true;
  }
  if (start_byte_seen_ && !options_.start.ignore_start_byte) return true;
  const bool waits_for_some = options_.start.min_recipients > 0 ||
                              options_.start.max_wait > absl::ZeroDuration();
  if (waits_for_some && max_wait_passed_ &&
      ready >= options_.start.min_recipients) {
    return true;
  }
  return roster_.AllExpectedAreReady();
}

void Session::Begin() {
  if (!options_.start.immediate) {
    status_.state = SessionState::kTransferring;
    status_.start_time = absl::Now();
    // Whoever connected before the one that gave the start is in the kernel's
    // queue: none of them is left out.
    listener_->Drain();
    listener_.reset();
    max_wait_timer_.reset();
    expiry_timer_.reset();
  }
  asio::post(environment_.starts, [self = shared_from_this()] {
    absl::Status status = self->source_->Prepare();
    self->OnLane(0, [self, status = std::move(status)] {
      if (self->ending_ || self->observer_ == nullptr) return;
      if (!status.ok()) {
        self->OnSourceError(status);
      } else if (self->options_.compute_sha256) {
        self->digesting_ = true;
        self->ContinueDigest();
      }
      self->prepared_ = true;
      self->BeginSending();
      self->FinishIfDone();
      self->Notify();
    });
  });
}

void Session::BeginSending() {
  if (!prepared_ || sending_ || ending_) return;
  // A stream cannot be had twice: it waits for those whose handshake is still
  // to come. A file does not make the others wait; they get it when they are
  // ready.
  if (!source_->rereadable() &&
      roster_.count(RecipientState::kHandshaking) > 0) {
    return;
  }
  sending_ = true;
  for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
    OnLane(lane, [fanout = fanouts_[lane]] { fanout->Begin(); });
  }
}

void Session::ContinueDigest() {
  asio::post(environment_.digests, [self = shared_from_this()] {
    const bool more = self->source_->DigestSome();
    self->OnLane(0, [self, more] {
      if (self->ending_ || self->observer_ == nullptr) return;
      if (more) return self->ContinueDigest();
      self->digesting_ = false;
      self->FinishIfDone();
      self->Notify();
    });
  });
}

absl::Status Session::CheckState(std::optional<SessionState> expected) const {
  const SessionState state = ending_.value_or(status_.state);
  if (!expected || *expected == state) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("it is ", absl::string_view(Name(state).data())));
}

void Session::Start(std::optional<SessionState> expected, Done done) {
  OnLane(0, [self = shared_from_this(), expected, done = std::move(done)] {
    if (absl::Status status = self->CheckState(expected); !status.ok()) {
      return done(status);
    }
    if (self->ending_ || IsFinal(self->status_.state)) {
      return done(absl::FailedPreconditionError(absl::StrCat(
          "the session has ended: it is ",
          absl::string_view(
              Name(self->ending_.value_or(self->status_.state)).data()))));
    }
    if (self->status_.state == SessionState::kWaiting &&
        !self->options_.start.immediate) {
      if (self->roster_.connected() == 0) {
        return done(absl::FailedPreconditionError(
            "no recipient is connected; wait until one is READY"));
      }
      self->Begin();
      self->Notify();
    }
    done(absl::OkStatus());
  });
}

void Session::Cancel(std::optional<SessionState> expected, Done done) {
  OnLane(0, [self = shared_from_this(), expected, done = std::move(done)] {
    if (absl::Status status = self->CheckState(expected); !status.ok()) {
      return done(status);
    }
    if (!self->ending_ && !IsFinal(self->status_.state)) {
      self->End(SessionState::kCancelled, Reason::kSessionCancelled,
                "the session was cancelled");
      self->Notify();
    }
    done(absl::OkStatus());
  });
}

void Session::Drop(uint64_t recipient, Done done) {
  OnLane(0, [self = shared_from_this(), recipient, done = std::move(done)] {
    const RecipientStatus* found = self->roster_.Find(recipient);
    if (found == nullptr) {
      return done(absl::NotFoundError(
          absl::StrCat("the session has no recipient ", recipient)));
    }
    const RecipientState state = found->state;
    if (IsFinal(state) || state == RecipientState::kExpected) {
      return done(absl::FailedPreconditionError(
          absl::StrCat("recipient ", recipient, " is not connected: it is ",
                       absl::string_view(Name(state).data()))));
    }
    const size_t lane = self->LaneOf(recipient);
    self->OnLane(
        lane, [self, lane, fanout = self->fanouts_[lane], recipient, done] {
          fanout->Close(recipient, RecipientState::kDropped, Reason::kNone, "");
          // Behind the report of it.
          self->OnLane(lane, [self, done] {
            self->OnLane(0, [done] { done(absl::OkStatus()); });
          });
        });
  });
}

void Session::FailSource(absl::Status error) {
  OnLane(0, [self = shared_from_this(), error = std::move(error)] {
    if (IsFinal(self->status_.state)) return;
    self->OnSourceError(error);
    self->Notify();
  });
}

void Session::SourceEnded(Done done) {
  OnLane(0, [self = shared_from_this(), done = std::move(done)] {
    self->Notify();
    done(absl::OkStatus());
  });
}

void Session::Stop() {
  OnLane(0, [self = shared_from_this()] {
    if (self->ending_ || IsFinal(self->status_.state)) return;
    self->End(SessionState::kInterrupted, Reason::kServiceStopped,
              "the service was stopped");
    self->Notify();
  });
}

void Session::Drain() {
  OnLane(0, [self = shared_from_this()] {
    if (self->ending_) return;
    if (self->status_.state == SessionState::kWaiting) {
      self->End(SessionState::kInterrupted, Reason::kServiceStopped,
                "the service was stopped");
    } else {
      self->StopListening();
    }
    self->Notify();
  });
}

void Session::OnMaxWait() {
  max_wait_passed_ = true;
  if (status_.state == SessionState::kWaiting && StartConditionHolds()) Begin();
}

void Session::OnExpiry() {
  if (options_.start.immediate) return StopListening();
  // It may have started since: a timer that is due cannot be cancelled.
  if (status_.state != SessionState::kWaiting) return;
  End(SessionState::kExpired, Reason::kSessionCancelled,
      "nobody started the session in time");
}

void Session::StopListening() {
  if (!listener_) return;
  listener_->Drain();
  listener_.reset();
  FinishIfDone();
}

void Session::OnSourceError(const absl::Status& error) {
  if (ending_) return;
  status_.error = std::string(error.message());
  End(SessionState::kFailed, Reason::kSourceFailed, status_.error);
}

void Session::End(SessionState state, Reason reason,
                  const std::string& detail) {
  ending_ = state;
  listener_.reset();
  for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
    OnLane(lane, [fanout = fanouts_[lane], reason, detail] {
      fanout->CloseAll(reason, detail);
    });
  }
  FinishIfDone();
}

void Session::FinishIfDone() {
  if (IsFinal(status_.state) || listener_ || roster_.connected() > 0) return;
  if (!ending_ && digesting_ && roster_.count(RecipientState::kDelivered) > 0) {
    return;
  }
  Finish(ending_ ? *ending_ : Result());
}

void Session::Finish(SessionState state) {
  status_.state = state;
  status_.end_time = absl::Now();
  environment_.counters.SessionEnded(state);
  if (state == SessionState::kFailed && status_.error.empty()) {
    status_.error = "no recipient has the whole content";
  }
  max_wait_timer_.reset();
  expiry_timer_.reset();
  source_->Close();
  Notify();
  observer_ = nullptr;
  // Each goes on its own lane, where its timers are.
  for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
    OnLane(lane, [fanout = std::move(fanouts_[lane])]() mutable {
      fanout = nullptr;
    });
  }
  environment_.on_end();
}

SessionState Session::Result() const {
  const uint64_t delivered = roster_.count(RecipientState::kDelivered);
  const uint64_t missing =
      roster_.failed() + roster_.count(RecipientState::kExpected);
  if (options_.start.immediate && delivered + missing == 0) {
    return SessionState::kExpired;
  }
  if (delivered == 0) return SessionState::kFailed;
  return missing == 0 ? SessionState::kSucceeded
                      : SessionState::kPartiallySucceeded;
}

void Session::Notify() {
  if (observer_ == nullptr) return;
  roster_.Sum(status_);
  status_.content_length = source_->length();
  if (options_.compute_sha256) status_.content_sha256 = source_->digest().hex();
  observer_->OnUpdate({.session = status_,
                       .changed = roster_.changed(),
                       .forgotten = roster_.forgotten()});
  roster_.ClearChanges();
}

}  // namespace tcptool::dataplane
