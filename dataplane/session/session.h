// A session: it listens, gathers recipients, starts, and knows how each of them
// fares.
#ifndef TCPTOOL_DATAPLANE_SESSION_SESSION_H_
#define TCPTOOL_DATAPLANE_SESSION_SESSION_H_

#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/base/state.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/sending/fanout.h"
#include "dataplane/session/listener.h"
#include "dataplane/session/roster.h"
#include "dataplane/session/session_options.h"

namespace tcptool::dataplane {

// Is told of a session's changes, in order, on the session's lane: it must not
// wait.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;

  struct Update {
    const SessionStatus& session;
    // The newest status of each recipient that has changed, by id.
    absl::Span<const RecipientStatus> changed;
    // Recipients that are not kept any longer; see Roster::kMaxStrangers.
    absl::Span<const uint64_t> forgotten;
  };
  // The last update is the one whose session state is final.
  virtual void OnUpdate(const Update& update) = 0;
};

// Any thread may call the methods; they post to the session's lane and call
// `done` there. `done` must not wait. Not to be used once the engine is gone.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Done = std::function<void(absl::Status)>;

  // What the engine gives to each of its sessions.
  struct Environment {
    std::vector<Lane*> lanes;   // The first is the session's own.
    asio::thread_pool& starts;  // Prepares sources.
    asio::thread_pool& digests;
    size_t max_recipients;  // That are connected at a time.
    Counters& counters;
    std::function<void()> on_end;
  };

  // Listens at once. INVALID_ARGUMENT, ALREADY_EXISTS (the port is in use) or
  // PERMISSION_DENIED name the address and say why it cannot.
  static absl::StatusOr<std::shared_ptr<Session>> Create(
      Environment environment, SessionOptions options,
      std::shared_ptr<Source> source,
      std::shared_ptr<SessionObserver> observer);

  const asio::ip::tcp::endpoint& data_endpoint() const {
    return initial_status_.data_endpoint;
  }

  // As it was when it was created. Later ones come to the observer.
  const SessionStatus& initial_status() const { return initial_status_; }
  // Those that are expected, as they were then; to be had once. The observer is
  // told of them too.
  std::vector<RecipientStatus> TakeInitialRecipients() {
    return std::move(initial_recipients_);
  }

  // Does nothing to a session that is TRANSFERRING. FAILED_PRECONDITION: it has
  // ended, or nobody is connected. ABORTED: it is not `expected`, if that is
  // given.
  void Start(std::optional<SessionState> expected, Done done);
  void Start(Done done) { Start(std::nullopt, std::move(done)); }
  // Resets all recipients. Does nothing to a session that has ended. ABORTED as
  // above.
  void Cancel(std::optional<SessionState> expected, Done done);
  void Cancel(Done done) { Cancel(std::nullopt, std::move(done)); }
  // Disconnects one recipient. NOT_FOUND, or FAILED_PRECONDITION if it has
  // ended.
  void Drop(uint64_t recipient, Done done);
  // The source's producer has broken off: fails the session with `error`, also
  // where nobody reads the source yet. Does nothing to a session that has
  // ended.
  void FailSource(absl::Status error);
  // The source has ended: tells the observer its length.
  void SourceEnded(Done done);
  // The service stops: all recipients are reset, with SERVICE_STOPPED.
  void Stop();
  // The service is about to stop: as Stop() if the session is WAITING;
  // otherwise it takes no more recipients, and ends when those it has are done.
  void Drain();

  // What its source holds in memory.
  Source::Window window() const { return source_->window(); }

 private:
  Session(Environment environment, SessionOptions options,
          std::shared_ptr<Source> source,
          std::shared_ptr<SessionObserver> observer, Listener listener);

  void Open();
  void OnConnection(UniqueFd socket, const asio::ip::tcp::endpoint& peer);
  void OnNoDescriptors(const asio::ip::tcp::endpoint& peer);
  void AddRecipient(UniqueFd socket, const asio::ip::tcp::endpoint& peer);
  void Reject(const asio::ip::tcp::endpoint& peer, Reason reason,
              std::string detail);
  void OnReport(Fanout::Report report);
  void OnReady(const RecipientStatus& status);

  absl::Status CheckState(std::optional<SessionState> expected) const;
  bool StartConditionHolds() const;
  void Begin();
  void BeginSending();
  void ContinueDigest();
  void OnSourceError(const absl::Status& error);
  void End(SessionState state, Reason reason, const std::string& detail);
  void FinishIfDone();
  void Finish(SessionState state);
  SessionState Result() const;

  void Notify();
  void After(asio::steady_timer& timer, absl::Duration delay,
             void (Session::*then)());
  void OnMaxWait();
  void OnExpiry();
  void StopListening();

  size_t LaneOf(uint64_t recipient) const {
    return recipient % fanouts_.size();
  }
  template <typename Call>
  void OnLane(size_t index, Call call);

  Environment environment_;
  const SessionOptions options_;
  const std::shared_ptr<Source> source_;
  std::shared_ptr<SessionObserver> observer_;  // Until the end.
  std::optional<Listener> listener_;
  std::optional<asio::steady_timer> max_wait_timer_;
  std::optional<asio::steady_timer> expiry_timer_;
  std::vector<std::shared_ptr<Fanout>> fanouts_;  // One for each lane.

  SessionStatus initial_status_;
  std::vector<RecipientStatus> initial_recipients_;
  Roster roster_;
  SessionStatus status_;  // Its sums are the roster's, of the last Notify().
  bool max_wait_passed_ = false;
  bool start_byte_seen_ = false;
  bool prepared_ = false;  // The source is.
  bool sending_ = false;
  bool digesting_ = false;
  std::optional<SessionState> ending_;  // What it ends as when all have closed.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_SESSION_H_
