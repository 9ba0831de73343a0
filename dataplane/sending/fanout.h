// One session's recipients on one lane, and the loop that sends to them.
#ifndef TCPTOOL_DATAPLANE_SENDING_FANOUT_H_
#define TCPTOOL_DATAPLANE_SENDING_FANOUT_H_

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/base/state.h"
#include "dataplane/base/token_bucket.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/lanes/task_memory.h"
#include "dataplane/sending/lag_tracker.h"
#include "dataplane/sending/limits.h"
#include "dataplane/sending/paced_lane.h"
#include "dataplane/sending/recipient.h"
#include "dataplane/sending/turn_plan.h"
#include "dataplane/tls/session_tls.h"
#include "dataplane/tls/tls_connection.h"

namespace tcptool::dataplane {

// Lives on its lane's thread: other threads post tasks. Keeps the lists of
// recipients that can be sent to, and of those that wait, by what they wait
// for. Each turn sends by a TurnPlan to those that can be sent to.
class Fanout final : public std::enable_shared_from_this<Fanout>,
                     private Recipient::Owner {
 public:
  // Changes in the order in which they happened; of each recipient only the
  // newest status.
  struct Report {
    std::vector<RecipientStatus> changed;
    absl::Status source_error;
  };
  using Reporter = std::function<void(Report)>;

  // Reports on the lane's thread, progress at most four times a second.
  // `budget`: what all fan-outs of the session may send. `pace`: where this
  // lane is to be kept level with the session's others. `tls`: null if the
  // content is in clear text.
  Fanout(Lane& lane, std::shared_ptr<Source> source, const Limits& limits,
         std::shared_ptr<TokenBucket> budget, Reporter reporter,
         std::optional<PacedLane> pace = std::nullopt,
         std::shared_ptr<const SessionTls> tls = nullptr);

  // Takes a new connection and waits for its handshake, which is by TLS first
  // where the session has that.
  void Add(UniqueFd socket, RecipientStatus status);
  // The same with a connection that is in TLS already (`tls`), or is to have
  // none.
  void AddAsIs(UniqueFd socket, std::unique_ptr<TlsConnection> tls,
               RecipientStatus status);
  // Has this recipient, which is READY, sent the content from Begin() on.
  void Admit(uint64_t id);
  void Begin();
  // Finds out which READY recipients are still there. Calls `done` when each of
  // them has been heard of within a second, has answered a keepalive probe, or
  // is closed, in which case its report comes before `done`. One call at a
  // time.
  void ProbeReady(std::function<void()> done);
  // Ends one recipient, or all. No effect on those that have ended.
  void Close(uint64_t id, RecipientState state, Reason reason,
             const std::string& detail);
  void CloseAll(Reason reason, const std::string& detail);
  // As CloseAll(), except for recipients that have been sent everything.
  void CloseUnserved(Reason reason, const std::string& detail);
  // The same for one recipient.
  void CloseUnserved(uint64_t id, Reason reason, const std::string& detail);
  // As Recipient::ConfirmWithin(). No effect on one that has ended.
  void ConfirmWithin(uint64_t id, absl::Duration time);
  // As Recipient::SetRate(). The same.
  void SetRate(uint64_t id, uint64_t bytes_per_second);
  // Another Limits::recipient_bytes_per_second, for those that it has too.
  void SetRecipientRate(uint64_t bytes_per_second);

 private:
  using List = std::vector<std::shared_ptr<Recipient>>;

  void Open(UniqueFd socket, RecipientStatus status,
            std::unique_ptr<TlsConnection> tls, const SessionTls* rules);

  // Recipient::Owner:
  void Changed(const Recipient& recipient) override;
  void HasRoom(std::shared_ptr<Recipient> recipient) override;
  void Answered() override { CheckProbes(); }
  void Verify(Feed::Verified done) override { feed_->Verify(std::move(done)); }
  void SourceFailed(const absl::Status& error) override;
  // A recipient has left, maybe as what it was sent is not the content: what
  // has changed of that is told now, as nobody may come who would be sent more.
  void LookAfterLoss();

  void Queue(std::shared_ptr<Recipient> recipient);
  void RunTurn();
  // Executes a step of the plan, of at most `most` bytes, and puts the
  // recipient on the list for what it then waits for. Returns the number of
  // bytes sent.
  size_t Serve(const std::shared_ptr<Recipient>& recipient,
               const TurnPlan::Step& step, size_t most, Clock::time_point now);
  void PostTurn();
  // No other turn is posted until then.
  void RunTurnAfter(Clock::duration pause);
  PacedLane::Time LaneTime(Clock::time_point now) const;
  void Requeue(List& list);
  // Streams: tells the feed where the recipients are.
  void TellFeed();
  // Fails recipients that are too far behind the fastest
  // (Limits::max_lag_bytes).
  void CheckLag();
  void FailAllThat(bool (*matches)(const Recipient&), Reason reason,
                   const std::string& detail);
  // Measures the recipients in flight, periodically while there are any.
  void StartMeasuring();
  void Measure();
  void RetryMemory();
  // Calls probes_done_ if no recipient is probed any more.
  void CheckProbes();
  void Flush();
  void PostFlush();

  Lane& lane_;
  const std::shared_ptr<Source> source_;
  Limits limits_;
  const std::shared_ptr<const SessionTls> tls_;
  const Reporter reporter_;
  std::unique_ptr<Feed> feed_;  // From Begin() on.
  std::map<uint64_t, std::shared_ptr<Recipient>> recipients_;
  std::set<uint64_t> admitted_;  // Until Begin().
  List queue_;
  List turn_;                        // Being run; a member to reuse its memory.
  std::vector<uint64_t> positions_;  // Of those in `turn_`.
  TurnPlan plan_;
  List unreached_;  // By the turn; a member for the same reason.
  List waiting_for_content_;
  List waiting_for_memory_;
  bool turn_posted_ = false;
  TaskMemory turn_memory_;
  std::optional<LagTracker> lag_;  // Streams: those that are sent to.
  std::optional<PacedLane> pace_;
  const std::shared_ptr<TokenBucket> budget_;
  asio::steady_timer pause_timer_;  // Runs while a turn has to wait.

  std::map<uint64_t, RecipientStatus> report_;
  absl::Status source_error_;
  bool looks_after_loss_ = false;
  bool has_new_loss_ = false;  // Since that look was asked for.
  bool flush_posted_ = false;
  List probed_;
  std::function<void()> probes_done_;  // Null: no ProbeReady() is pending.
  asio::steady_timer measure_timer_;
  bool measuring_ = false;
  asio::steady_timer memory_timer_;  // Runs while any waits for memory.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_FANOUT_H_
