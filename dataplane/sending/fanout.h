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
#include "dataplane/sending/lag_tracker.h"
#include "dataplane/sending/limits.h"
#include "dataplane/sending/recipient.h"
#include "dataplane/sending/turn_plan.h"

namespace tcptool::dataplane {

// Lives on its lane's thread: whoever is elsewhere posts. It alone keeps the
// lists of who can be sent to and who waits for what. A turn serves those that
// can be sent to by a TurnPlan.
class Fanout : public std::enable_shared_from_this<Fanout>,
               private Recipient::Owner {
 public:
  // What has changed, in the order in which it did; at most the newest status
  // of each recipient.
  struct Report {
    std::vector<RecipientStatus> changed;
    absl::Status source_error;
  };
  using Reporter = std::function<void(Report)>;

  // Reports on the lane's thread, progress at most four times a second.
  Fanout(Lane& lane, std::shared_ptr<Source> source, const Limits& limits,
         Reporter reporter);

  // Takes a new connection and waits for its handshake.
  void Add(UniqueFd socket, RecipientStatus status);
  // From Begin() on, this recipient, which is READY, gets the content.
  void Admit(uint64_t id);
  void Begin();
  // Finds out which READY recipients are still there. Calls `done` once each of
  // them was heard of within a second, or has answered a probe, or is closed;
  // in the latter case behind the report of it. One call at a time.
  void ProbeReady(std::function<void()> done);
  // Ends one recipient, or all. Those that have ended are left alone.
  void Close(uint64_t id, RecipientState state, Reason reason,
             const std::string& detail);
  void CloseAll(Reason reason, const std::string& detail);
  // As CloseAll(), but leaves alone those that have been given everything.
  void CloseUnserved(Reason reason, const std::string& detail);

 private:
  using List = std::vector<std::shared_ptr<Recipient>>;

  // Recipient::Owner:
  void Changed(const Recipient& recipient) override;
  void HasRoom(std::shared_ptr<Recipient> recipient) override;
  void Answered() override { CheckProbes(); }
  void Verify(Feed::Verified done) override;

  void Queue(std::shared_ptr<Recipient> recipient);
  void RunTurn();
  // Takes a step of the plan, with `most` bytes at most, and puts the recipient
  // on the list of those that wait for what it waits for. Answers how many
  // bytes have been sent.
  size_t Serve(const std::shared_ptr<Recipient>& recipient,
               const TurnPlan::Step& step, size_t most, Clock::time_point now);
  void SourceFailed(const absl::Status& error);
  void PostTurn();
  void Requeue(List& list);
  // Streams: tells the feed where the recipients are.
  void TellFeed();
  // Fails those that are too far behind the fastest.
  void CheckLag();
  void FailAllThat(bool (*matches)(const Recipient&), Reason reason,
                   const std::string& detail);
  // Measures those that are in flight, from time to time while there are any.
  void StartMeasuring();
  void Measure();
  void RetryMemory();
  // Calls probes_done_ if no recipient is probed any more.
  void CheckProbes();
  void Flush();
  void PostFlush();

  Lane& lane_;
  const std::shared_ptr<Source> source_;
  const Limits limits_;
  const Reporter reporter_;
  std::unique_ptr<Feed> feed_;  // From Begin() on.
  std::map<uint64_t, std::shared_ptr<Recipient>> recipients_;
  std::set<uint64_t> admitted_;  // Until Begin().
  List queue_;
  List turn_;  // Being run; a member so that its memory is used again.
  std::vector<uint64_t> positions_;  // Of those in `turn_`.
  TurnPlan plan_;
  List unreached_;  // By the turn. A member for the same reason.
  List waiting_for_content_;
  List waiting_for_memory_;
  bool turn_posted_ = false;
  std::optional<LagTracker> lag_;  // Streams: of those that are sent to.
  TokenBucket budget_;
  asio::steady_timer budget_timer_;

  std::map<uint64_t, RecipientStatus> report_;
  absl::Status source_error_;
  bool flush_posted_ = false;
  List probed_;
  std::function<void()> probes_done_;  // Null: nobody asks.
  asio::steady_timer measure_timer_;
  bool measuring_ = false;
  asio::steady_timer memory_timer_;  // Runs while any waits for memory.
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_FANOUT_H_
