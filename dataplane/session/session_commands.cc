// The commands of a session's owner, nodes among them: who comes, and comes
// again. Any thread gives them; each is carried out on the session's lane,
// where its answer is called.
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/session/session.h"

namespace tcptool::dataplane {
namespace {

absl::Status HasEnded(SessionState state) {
  return absl::FailedPreconditionError(absl::StrCat(
      "the session has ended: it is ", absl::string_view(Name(state).data())));
}

}  // namespace

absl::Status Session::CheckUnchanged(
    std::optional<SessionState> expected) const {
  const SessionState state = ending_.value_or(status_.state);
  if (!expected || *expected == state) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("it is ", absl::string_view(Name(state).data())));
}

void Session::Start(std::optional<SessionState> expected, Done done) {
  OnLane(0, [self = shared_from_this(), expected, done = std::move(done)] {
    if (absl::Status status = self->CheckUnchanged(expected); !status.ok()) {
      return done(status);
    }
    if (self->ending_ || IsFinal(self->status_.state)) {
      return done(HasEnded(self->ending_.value_or(self->status_.state)));
    }
    if (self->status_.state == SessionState::kWaiting &&
        !self->options_.start.immediate) {
      if (self->roster_.count(RecipientState::kReady) == 0) {
        return done(absl::FailedPreconditionError(
            "no recipient is READY; wait until one has sent its byte"));
      }
      self->BeginTransfer();
      self->Notify();
    }
    done(absl::OkStatus());
  });
}

void Session::Cancel(std::optional<SessionState> expected, Done done) {
  OnLane(0, [self = shared_from_this(), expected, done = std::move(done)] {
    if (absl::Status status = self->CheckUnchanged(expected); !status.ok()) {
      return done(status);
    }
    // One whose source has failed may wait for recipients that confirm.
    if (!IsFinal(self->status_.state)) {
      self->End(SessionState::kCancelled, Reason::kSessionCancelled,
                "the session was cancelled");
      self->Notify();
    }
    done(absl::OkStatus());
  });
}

void Session::Change(SessionChanges changes,
                     std::optional<SessionState> expected, Changed done) {
  OnLane(0, [self = shared_from_this(), changes = std::move(changes), expected,
             done = std::move(done)]() mutable {
    if (absl::Status status = self->CheckUnchanged(expected); !status.ok()) {
      return done(status);
    }
    if (self->ending_ || IsFinal(self->status_.state)) {
      return done(HasEnded(self->ending_.value_or(self->status_.state)));
    }
    if (!changes.more_expected.empty() && !self->takes_recipients_) {
      return done(absl::UnavailableError(
          "the session takes no more recipients, and can expect none"));
    }
    std::vector<uint64_t> added = self->Apply(std::move(changes));
    self->StopAcceptingIfServed();
    self->StartIfDue();
    // First, so that whoever is answered finds the records.
    self->Notify();
    done(std::move(added));
  });
}

std::vector<uint64_t> Session::Apply(SessionChanges changes) {
  if (changes.allow) {
    absl::MutexLock lock(&allow_mutex_);
    allow_ = *std::move(changes.allow);
  }
  if (changes.session_bytes_per_second) {
    budget_->SetRate(*changes.session_bytes_per_second, Clock::now());
  }
  if (const auto rate = changes.recipient_bytes_per_second) {
    OnEachFanout([rate](Fanout& fanout) { fanout.SetRecipientRate(*rate); });
  }
  if (changes.expire_after) {
    options_.expire_after = *changes.expire_after;
    if (takes_recipients_) SetExpiry();
  }
  return roster_.Expect(changes.more_expected);
}

absl::Status Session::CheckTakes(const std::string& node) const {
  const bool is_over = ending_ || IsFinal(status_.state);
  if (!is_over && (takes_recipients_ || roster_.MayReturn(node))) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the session takes no more recipients: it is ",
      absl::string_view(Name(ending_.value_or(status_.state)).data())));
}

void Session::MayTake(std::string node, Done done) {
  OnLane(0, [self = shared_from_this(), node = std::move(node),
             done = std::move(done)] { done(self->CheckTakes(node)); });
}

absl::Status Session::CheckAllows(const asio::ip::address& peer) const {
  absl::ReaderMutexLock lock(&allow_mutex_);
  if (allow_.Allows(peer)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat(peer.to_string(), " matches no access rule of the session"));
}

void Session::Take(NodeConnection connection, Taken done) {
  OnLane(0, [self = shared_from_this(), connection = std::move(connection),
             done = std::move(done)]() mutable {
    const absl::Status status = self->CheckTakes(connection.node);
    if (!status.ok()) return done(status);
    const uint64_t last = self->roster_.ConnectionOfNode(connection.node);
    RecipientStatus node{.peer = connection.peer,
                         .node = connection.node,
                         .offset = connection.offset};
    if (connection.tls != nullptr) {
      node.names = std::make_shared<const std::vector<std::string>>(
          connection.tls->names());
    }
    const auto taken = self->OnConnection(
        node, [connection = std::move(connection)](
                  Fanout& fanout, RecipientStatus status) mutable {
          fanout.AddAsIs(std::move(connection.socket),
                         std::move(connection.tls), std::move(status));
        });
    // It knows better than TCP that its last connection is lost.
    if (taken.ok() && last != 0) {
      const size_t lane = self->LaneOf(last);
      self->OnLane(lane, [fanout = self->fanouts_[lane], last] {
        fanout->Close(last, RecipientState::kFailed, Reason::kConnectionLost,
                      "the node has connected again");
      });
    }
    done(taken);
  });
}

void Session::WaitForNode(const RecipientStatus& status) {
  const bool is_lost = status.state == RecipientState::kFailed &&
                       status.start_time != absl::InfinitePast() &&
                       (status.reason == Reason::kConnectionLost ||
                        status.reason == Reason::kStalled);
  if (status.node.empty() || !is_lost || ending_ ||
      !roster_.NoteLost(status.node, status.offset + status.bytes_acked)) {
    return;
  }
  RunAfter(node_timer_.emplace(environment_.lanes[0]->io()),
           options_.nodes_may_return, &Session::OnNodeIsGone);
}

void Session::OnNodeIsGone() {
  // Cancelling a timer does not take back a handler that asio has queued.
  if (!node_timer_ || node_timer_->expiry() > Clock::now()) return;
  node_timer_.reset();
  FinishIfDone();
}

void Session::ResetNode(uint64_t connection, std::string detail,
                        absl::Duration confirm_within) {
  OnLane(0, [self = shared_from_this(), connection, detail = std::move(detail),
             confirm_within]() mutable {
    if (IsFinal(self->status_.state)) return;
    const size_t lane = self->LaneOf(connection);
    self->OnLane(lane, [fanout = self->fanouts_[lane], connection,
                        detail = std::move(detail), confirm_within] {
      fanout->CloseUnserved(connection, Reason::kConnectionLost, detail);
      fanout->ConfirmWithin(connection, confirm_within);
    });
  });
}

void Session::SetRate(uint64_t connection, uint64_t bytes_per_second) {
  OnLane(0, [self = shared_from_this(), connection, bytes_per_second] {
    if (IsFinal(self->status_.state)) return;
    const size_t lane = self->LaneOf(connection);
    self->OnLane(lane,
                 [fanout = self->fanouts_[lane], connection, bytes_per_second] {
                   fanout->SetRate(connection, bytes_per_second);
                 });
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
    const uint64_t connection = self->roster_.ConnectionOf(recipient);
    const size_t lane = self->LaneOf(connection);
    self->OnLane(lane, [self, lane, fanout = self->fanouts_[lane], connection,
                        done] {
      fanout->Close(connection, RecipientState::kDropped, Reason::kNone, "");
      // The fan-out has posted its report of this to its lane; the answer is
      // posted behind it, so that the observer has seen the report by then.
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
    if (IsFinal(self->status_.state)) return;
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
      // An immediate session would go on: it is not done, only cut off.
      self->is_interrupted_ = self->takes_recipients_;
      self->StopAccepting();
      self->FinishIfDone();
    }
    self->Notify();
  });
}

}  // namespace tcptool::dataplane
