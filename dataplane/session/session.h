// A session: it accepts recipients, starts when its start condition holds, and
// keeps the state of each of them until the end.
#ifndef TCPTOOL_DATAPLANE_SESSION_SESSION_H_
#define TCPTOOL_DATAPLANE_SESSION_SESSION_H_

#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "dataplane/base/state.h"
#include "dataplane/base/token_bucket.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/sending/fanout.h"
#include "dataplane/session/listener.h"
#include "dataplane/session/roster.h"
#include "dataplane/session/session_options.h"
#include "dataplane/session/start_condition.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::dataplane {

// Receives a session's changes in order, on the session's lane: must not block.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;

  struct Update {
    const SessionStatus& session;
    // The newest status of each recipient that has changed, by id.
    absl::Span<const RecipientStatus> changed;
    // Ids of records that are no longer kept; see Roster::kMaxStrangers.
    absl::Span<const uint64_t> forgotten;
  };
  // The last update is the one whose session state is final.
  virtual void OnUpdate(const Update& update) = 0;
};

// Another node's connection, which has come by another port than the session's:
// what follows on it is as with any recipient.
struct NodeConnection {
  UniqueFd socket;  // Does not block, and resets on close.
  // Of `socket`, its handshake done; null: the content goes in clear text.
  std::unique_ptr<TlsConnection> tls;
  asio::ip::tcp::endpoint peer;
  std::string node;     // As RecipientStatus::node; not empty.
  uint64_t offset = 0;  // Where its content begins; at most the length.
};

// Any thread may call the public methods; they post to the session's lane and
// call `done` there. `done` must not block. The engine outlives its sessions'
// use.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Done = std::function<void(absl::Status)>;

  // What the engine gives to each of its sessions.
  struct Environment {
    std::vector<Lane*> lanes;  // The first is the session's home lane.
    // Runs what of a source may wait for a disk: Source::Prepare() and
    // Source::ReadForDigest().
    DiskThreads& disk;
    asio::thread_pool& hashes;  // Runs Source::HashForDigest().
    size_t max_recipients;      // Connected at a time.
    Counters& counters;
    // Called on the session's lane, behind the last update.
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

  // The status at creation. Later ones go to the observer.
  const SessionStatus& initial_status() const { return initial_status_; }
  // The expected recipients at creation; a second call returns none. The first
  // update includes them too.
  std::vector<RecipientStatus> TakeInitialRecipients() {
    return std::move(initial_recipients_);
  }

  // No effect on a session that is TRANSFERRING. FAILED_PRECONDITION: it has
  // ended, or nobody is connected. ABORTED: its state is not `expected`, if
  // that is given.
  void Start(std::optional<SessionState> expected, Done done);
  void Start(Done done) { Start(std::nullopt, std::move(done)); }
  // Resets all recipients. Does nothing to a session that has ended. ABORTED as
  // above.
  void Cancel(std::optional<SessionState> expected, Done done);
  void Cancel(Done done) { Cancel(std::nullopt, std::move(done)); }
  // Serves another node, as a recipient that begins at an offset. While the
  // session takes recipients any node may come, and later those whose
  // connection was lost: the session waits SessionOptions::nodes_may_return for
  // them before it ends, anew after each loss before which the node has made
  // progress (Roster::NoteLost()). `done` gets the number of the connection,
  // for ResetNode(). Otherwise the connection is reset. FAILED_PRECONDITION:
  // the session does not take this node. PERMISSION_DENIED: see CheckAllows().
  // RESOURCE_EXHAUSTED: it has as many connections as it may. The source can be
  // read again.
  using Taken = std::function<void(absl::StatusOr<uint64_t>)>;
  void Take(NodeConnection connection, Taken done);
  // Whether it would take this node now: OK or FAILED_PRECONDITION.
  void MayTake(std::string node, Done done);
  // Resets a connection that was taken, unless all of the content has been
  // handed to the kernel for it already: then it is left to confirm that, for
  // so long, or as Limits say if that is shorter. The node is FAILED, with
  // CONNECTION_LOST, and may come again. `detail`: why.
  void ResetNode(uint64_t connection, std::string detail,
                 absl::Duration confirm_within = absl::InfiniteDuration());
  // Bytes a second that a connection is sent at most from now on, and what
  // Limits allow; 0: as much as these. No effect on one that has ended.
  void SetRate(uint64_t connection, uint64_t bytes_per_second);
  // Changes what is given of it, all or nothing; `done` gets the ids of the
  // records of those that are expected now too. FAILED_PRECONDITION: it has
  // ended. UNAVAILABLE: it takes no more recipients, and is to expect some.
  // ABORTED: its state is not `expected`, if that is given.
  using Changed = std::function<void(absl::StatusOr<std::vector<uint64_t>>)>;
  void Change(SessionChanges changes, std::optional<SessionState> expected,
              Changed done);
  // PERMISSION_DENIED: no access rule (SessionOptions::allow, or a later one)
  // matches the address. Answers on the caller's thread.
  absl::Status CheckAllows(const asio::ip::address& peer) const;
  // Disconnects one recipient. NOT_FOUND, or FAILED_PRECONDITION if it has
  // ended.
  void Drop(uint64_t recipient, Done done);
  // The source's producer has failed: ends the session as FAILED with `error`,
  // at once, whether or not a recipient has read that far. Does nothing to a
  // session that has ended.
  void FailSource(absl::Status error);
  // The source's producer is done: its length, which is known now, goes to the
  // observer before `done` is called.
  void SourceEnded(Done done);
  // Resets all recipients, with SERVICE_STOPPED.
  void Stop();
  // As Stop() if the session is WAITING; otherwise it accepts no more
  // recipients, and ends when those that it has are done.
  void Drain();

  const std::shared_ptr<Source>& source() const { return source_; }

  // Whether it has begun to send, to those who are READY. Stays so.
  bool is_sending() const { return is_sending_; }

  // Its recipients get its content in TLS alone.
  bool is_encrypted() const { return options_.tls != nullptr; }

  // What its source holds in memory.
  Source::Window window() const { return source_->window(); }

 private:
  Session(Environment environment, SessionOptions options,
          std::shared_ptr<Source> source,
          std::shared_ptr<SessionObserver> observer,
          std::optional<Listener> listener);

  void Open();
  // Hands a new connection to a fan-out.
  using Hand = absl::AnyInvocable<void(Fanout&, RecipientStatus)>;
  // The number of the connection. If the peer is turned away it is recorded as
  // REJECTED, and `hand` not called: PERMISSION_DENIED or RESOURCE_EXHAUSTED.
  absl::StatusOr<uint64_t> OnConnection(const RecipientStatus& recipient,
                                        Hand hand);
  void OnNoDescriptors(const asio::ip::tcp::endpoint& peer);
  void Reject(const asio::ip::tcp::endpoint& peer, Reason reason,
              std::string detail);
  void OnReport(const Fanout::Report& report);
  void OnReady(const RecipientStatus& status);

  // ABORTED: its state is not `expected`, if that is given.
  absl::Status CheckUnchanged(std::optional<SessionState> expected) const;
  std::vector<uint64_t> Apply(SessionChanges changes);
  absl::Status CheckTakes(const std::string& node) const;
  // Recipients that count against SessionOptions::max_recipients.
  uint64_t Admitted() const;
  // `admitted` includes the connection itself.
  void AdmitOrRefuse(uint64_t connection, uint64_t admitted);
  // At the start: those that are READY, in the order in which they connected.
  void AdmitReady();

  StartCondition::Verdict CheckStart() const;
  void StartIfDue();
  // Has each lane find out which of its READY recipients are still there; the
  // session starts if the others are enough.
  void ProbeReady();
  void OnLaneProbed();
  // Becomes TRANSFERRING, closes the listener, and prepares the source; an
  // immediate session prepares the source alone.
  void BeginTransfer();
  // Starts the fan-outs once the source is prepared and, if it is a stream,
  // nobody is HANDSHAKING.
  void BeginSendingIfPossible();
  void DigestNextPart();
  void OnDigestEnd(const absl::Status& status);
  // Sets disk_timer_ anew.
  void WaitForDisk();
  // The source has not been prepared, or its next part not been read, in time.
  void OnDiskTimeout();
  // Fails the session. Those that have been given everything before are left to
  // confirm it; the session has ended when they have.
  void OnSourceError(const absl::Status& error);
  // Closes the listener and all connections; the session is in `state` once the
  // last of them is closed. One that is ending already keeps its state.
  void End(SessionState state, Reason reason, const std::string& detail);
  void FinishIfDone();
  // Its last update.
  void Finish(SessionState state);
  SessionState Result() const;

  void Notify();
  void RunAfter(asio::steady_timer& timer, absl::Duration delay,
                void (Session::*then)());
  void OnMaxWaitOver();
  // A node that was lost may come again: the session does not end meanwhile, if
  // the node had made progress since it was lost before.
  void WaitForNode(const RecipientStatus& status);
  void OnNodeIsGone();
  // Has the session expire when its time is over, from its creation.
  void SetExpiry();
  void OnExpiry();
  // Accepts the connections that are in the queue, and none after them.
  void StopAccepting();
  // Calls StopAccepting() if the session is to end with its expected recipients
  // (StartPolicy::end_when_expected_delivered) and all of them are DELIVERED;
  // gives those that are connected StartPolicy::others_grace then.
  void StopAcceptingIfServed();
  void OnOthersTooLate();

  size_t LaneOf(uint64_t connection) const {
    return connection % fanouts_.size();
  }
  // Runs `call` on a lane, behind what was posted to it before.
  template <typename Call>
  void OnLane(size_t index, Call call) {
    asio::post(environment_.lanes[index]->io(), std::move(call));
  }
  // Runs `call` with each fan-out, on its lane.
  template <typename Call>
  void OnEachFanout(Call call) {
    for (size_t lane = 0; lane < fanouts_.size(); ++lane) {
      OnLane(lane, [fanout = fanouts_[lane], call] { call(*fanout); });
    }
  }

  Environment environment_;
  SessionOptions options_;  // `allow` is moved to allow_.
  const std::shared_ptr<Source> source_;
  std::shared_ptr<SessionObserver> observer_;  // Null once it has ended.
  bool takes_recipients_ = true;
  std::optional<Listener> listener_;  // Only while it takes recipients.
  std::optional<asio::steady_timer> max_wait_timer_;
  std::optional<asio::steady_timer> expiry_timer_;
  std::optional<asio::steady_timer> others_timer_;
  // Since a node was lost: SessionOptions::nodes_may_return.
  std::optional<asio::steady_timer> node_timer_;
  // While the source is prepared or hashed: Limits::disk_timeout.
  std::optional<asio::steady_timer> disk_timer_;
  const std::shared_ptr<TokenBucket> budget_;     // Of all fan-outs together.
  std::vector<std::shared_ptr<Fanout>> fanouts_;  // One for each lane.
  mutable absl::Mutex allow_mutex_;
  AccessList allow_ ABSL_GUARDED_BY(allow_mutex_);

  SessionStatus initial_status_;
  std::vector<RecipientStatus> initial_recipients_;
  const StartCondition start_condition_;
  Roster roster_;
  SessionStatus status_;  // Notify() copies the roster's sums into it.
  bool max_wait_is_over_ = false;
  bool start_byte_seen_ = false;
  size_t probes_ = 0;  // Lanes that ProbeReady() still waits for.
  bool source_is_prepared_ = false;
  std::atomic<bool> is_sending_ = false;  // The fan-outs have begun.
  bool is_interrupted_ = false;  // Drain() has ended an immediate session.
  bool is_digesting_ = false;    // The SHA-256 is being computed.
  // Set by End(): the state once all connections are closed.
  std::optional<SessionState> ending_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_SESSION_H_
