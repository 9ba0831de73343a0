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
  std::optional<Listener> listener;
  if (options.listens) {
    absl::StatusOr<Listener> listening =
        Listener::Listen(home.io(), home.sockets(),
                         tcp::endpoint(options.bind_address, options.port));
    if (!listening.ok()) return listening.status();
    listener.emplace(*std::move(listening));
  }
  std::shared_ptr<Session> session(
      new Session(std::move(environment), std::move(options), std::move(source),
                  std::move(observer), std::move(listener)));
  session->OnLane(0, [session] { session->Open(); });
  return session;
}

Session::Session(Environment environment, SessionOptions options,
                 std::shared_ptr<Source> source,
                 std::shared_ptr<SessionObserver> observer,
                 std::optional<Listener> listener)
    : environment_(std::move(environment)),
      options_(std::move(options)),
      source_(std::move(source)),
      observer_(std::move(observer)),
      listener_(std::move(listener)),
      budget_(std::make_shared<TokenBucket>(
          options_.limits.session_bytes_per_second)),
      allow_(std::move(options_.allow)),
      start_condition_(options_.start, options_.max_recipients),
      roster_(options_.expected,
              options_.resume ? options_.resume->last_recipient : 0,
              environment_.counters) {
  // A stream's feed has no lock: its recipients are on one lane. So are those
  // of a session with a rate, which a lane's turns share out evenly.
  if (!source_->feed_per_lane() ||
      options_.limits.session_bytes_per_second > 0) {
    environment_.lanes.resize(1);
  }
  if (listener_) status_.data_endpoint = listener_->endpoint();
  status_.create_time =
      options_.resume ? options_.resume->create_time : absl::Now();
  status_.content_length = source_->length();
  if (options_.resume && options_.start.immediate) {
    roster_.Restore(options_.resume->recipients);
    status_.start_time = options_.resume->start_time;
    if (status_.start_time != absl::InfinitePast()) {
      status_.state = SessionState::kTransferring;
    }
  }
  roster_.Sum(status_);
  initial_status_ = status_;
  initial_recipients_ = roster_.changed();
}

void Session::Open() {
  if (ending_) return;
  // Those who come when they like have nothing to be level with.
  const size_t lanes = environment_.lanes.size();
  const auto pace = lanes > 1 && !options_.start.immediate
                        ? std::make_shared<Pace>(lanes, source_->length())
                        : nullptr;
  for (size_t lane = 0; lane < lanes; ++lane) {
    std::optional<PacedLane> paced;
    if (pace != nullptr) paced.emplace(pace, lane);
    fanouts_.push_back(std::make_shared<Fanout>(
        *environment_.lanes[lane], source_, options_.limits, budget_,
        [weak = weak_from_this()](Fanout::Report report) {
          const auto self = weak.lock();
          if (self == nullptr) return;
          self->OnLane(0, [self, report = std::move(report)] {
            self->OnReport(report);
          });
        },
        std::move(paced), options_.tls));
  }
  if (listener_) {
    listener_->Open({
        // `this` outlives the listener, which calls no handler once destroyed.
        .on_connection =
            [this](UniqueFd socket, const tcp::endpoint& peer) {
              // Whether it is turned away is in its record.
              OnConnection(RecipientStatus{.peer = peer},
                           [socket = std::move(socket)](
                               Fanout& fanout, RecipientStatus status) mutable {
                             fanout.Add(std::move(socket), std::move(status));
                           })
                  .IgnoreError();
            },
        .on_no_descriptors =
            [this](const tcp::endpoint& peer) { OnNoDescriptors(peer); },
    });
  }
  if (options_.start.max_wait > absl::ZeroDuration()) {
    RunAfter(max_wait_timer_.emplace(environment_.lanes[0]->io()),
             options_.start.max_wait, &Session::OnMaxWaitOver);
  } else {
    max_wait_is_over_ = true;
  }
  SetExpiry();
  source_->WhenFailed([weak = weak_from_this()](const absl::Status& error) {
    if (const auto self = weak.lock()) self->FailSource(error);
  });
  if (options_.start.immediate) BeginTransfer();
  StopAcceptingIfServed();
  Notify();
}

void Session::RunAfter(asio::steady_timer& timer, absl::Duration delay,
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

absl::StatusOr<uint64_t> Session::OnConnection(const RecipientStatus& recipient,
                                               Hand hand) {
  absl::Status status = CheckAllows(recipient.peer.address());
  Reason reason = Reason::kNotAuthorized;
  if (status.ok() && roster_.connected() >= environment_.max_recipients) {
    reason = Reason::kCapacity;
    status = absl::ResourceExhaustedError(
        absl::StrCat("the session has ", environment_.max_recipients,
                     " connections, as many as the service allows"));
  }
  if (!status.ok()) {
    Reject(recipient.peer, reason, std::string(status.message()));
    return status;
  }
  RecipientStatus connected = roster_.Connect(recipient);
  const uint64_t connection = connected.id;
  const size_t lane = LaneOf(connection);
  OnLane(lane, [fanout = fanouts_[lane], hand = std::move(hand),
                connected = std::move(connected)]() mutable {
    hand(*fanout, std::move(connected));
  });
  Notify();
  return connection;
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

void Session::OnReport(const Fanout::Report& report) {
  if (observer_ == nullptr) return;  // Ended.
  for (const RecipientStatus& status : report.changed) {
    if (status_.state == SessionState::kWaiting &&
        status.state == RecipientState::kTransferring) {
      // The first recipient of an immediate session.
      status_.state = SessionState::kTransferring;
      status_.start_time = status.start_time;
    }
    const bool has_become_ready = status.state == RecipientState::kReady &&
                                  roster_.IsHandshaking(status.id);
    roster_.Update(status);
    if (has_become_ready) OnReady(status);
    WaitForNode(status);
  }
  if (!report.source_error.ok()) OnSourceError(report.source_error);
  StopAcceptingIfServed();
  StartIfDue();
  BeginSendingIfPossible();
  FinishIfDone();
  Notify();
}

void Session::OnReady(const RecipientStatus& status) {
  start_byte_seen_ |= status.start_byte;
  // Before the start nobody is refused: others may turn out to be gone.
  if (status_.state == SessionState::kWaiting && !options_.start.immediate) {
    return;
  }
  AdmitOrRefuse(status.id, Admitted());
}

uint64_t Session::Admitted() const {
  return roster_.connected() - roster_.count(RecipientState::kHandshaking) +
         roster_.count(RecipientState::kDelivered);
}

void Session::AdmitOrRefuse(uint64_t connection, uint64_t admitted) {
  const size_t lane = LaneOf(connection);
  if (options_.max_recipients > 0 && admitted > options_.max_recipients) {
    return OnLane(lane, [fanout = fanouts_[lane], connection] {
      fanout->Close(connection, RecipientState::kRejected, Reason::kCapacity,
                    "the session has as many recipients as it was asked to "
                    "serve");
    });
  }
  OnLane(lane,
         [fanout = fanouts_[lane], connection] { fanout->Admit(connection); });
}

void Session::SetExpiry() {
  if (options_.expire_after == absl::InfiniteDuration()) return;
  RunAfter(expiry_timer_.emplace(environment_.lanes[0]->io()),
           status_.create_time + options_.expire_after - absl::Now(),
           &Session::OnExpiry);
}

void Session::OnExpiry() {
  // Cancelling a timer does not take back a handler that asio has queued.
  if (!expiry_timer_ || expiry_timer_->expiry() > Clock::now()) return;
  if (options_.start.immediate) {
    StopAccepting();
    return FinishIfDone();
  }
  if (status_.state != SessionState::kWaiting) return;
  End(SessionState::kExpired, Reason::kSessionCancelled,
      "nobody started the session in time");
}

void Session::StopAcceptingIfServed() {
  if (!options_.start.end_when_expected_delivered ||
      !roster_.AllExpectedAreDelivered()) {
    return;
  }
  StopAccepting();
  if (!others_timer_) {
    RunAfter(others_timer_.emplace(environment_.lanes[0]->io()),
             options_.start.others_grace, &Session::OnOthersTooLate);
  }
  FinishIfDone();
}

void Session::OnOthersTooLate() {
  OnEachFanout([grace = options_.start.others_grace](Fanout& fanout) {
    fanout.CloseUnserved(
        Reason::kSessionCancelled,
        absl::StrCat("the session ends with its expected recipients, all of "
                     "which have had the content for ",
                     absl::FormatDuration(grace)));
  });
}

void Session::StopAccepting() {
  takes_recipients_ = false;
  if (!listener_) return;
  listener_->AcceptPending();
  listener_.reset();
}

void Session::OnSourceError(const absl::Status& error) {
  if (ending_) return;
  status_.error = std::string(error.message());
  ending_ = SessionState::kFailed;
  takes_recipients_ = false;
  listener_.reset();
  // Recipients that were sent everything do not need the source any more.
  OnEachFanout([detail = status_.error](Fanout& fanout) {
    fanout.CloseUnserved(Reason::kSourceFailed, detail);
  });
  FinishIfDone();
}

void Session::End(SessionState state, Reason reason,
                  const std::string& detail) {
  if (!ending_) ending_ = state;
  takes_recipients_ = false;
  listener_.reset();
  OnEachFanout(
      [reason, detail](Fanout& fanout) { fanout.CloseAll(reason, detail); });
  FinishIfDone();
}

void Session::FinishIfDone() {
  if (IsFinal(status_.state) || takes_recipients_ || roster_.connected() > 0) {
    return;
  }
  if (!ending_ && !is_interrupted_ && node_timer_ &&
      roster_.missing_nodes() > 0) {
    return;
  }
  if (!ending_ && is_digesting_ &&
      roster_.count(RecipientState::kDelivered) > 0) {
    return;
  }
  if (ending_) return Finish(*ending_);
  Finish(is_interrupted_ ? SessionState::kInterrupted : Result());
}

void Session::Finish(SessionState state) {
  status_.state = state;
  status_.end_time = absl::Now();
  if (options_.listens) environment_.counters.SessionEnded(state);
  if (state == SessionState::kFailed && status_.error.empty()) {
    status_.error = !roster_.expects()
                        ? "no recipient has the whole content"
                        : "no expected recipient has the whole content";
  }
  max_wait_timer_.reset();
  expiry_timer_.reset();
  others_timer_.reset();
  disk_timer_.reset();
  node_timer_.reset();
  is_digesting_ = false;
  source_->Close();
  Notify();
  observer_ = nullptr;
  // A fan-out's timers belong to its lane's io_context: it is destroyed there.
  for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
    OnLane(lane, [fanout = std::move(fanouts_[lane])]() mutable {
      fanout = nullptr;
    });
  }
  environment_.on_end();
}

SessionState Session::Result() const {
  const auto [delivered, missing] = roster_.outcome();
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
