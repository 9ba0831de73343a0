// One session's recipients on one lane, and the loop that sends to them.
#ifndef TCPTOOL_DATAPLANE_SENDING_FANOUT_H_
#define TCPTOOL_DATAPLANE_SENDING_FANOUT_H_

#include <asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/base/state.h"
#include "dataplane/base/token_bucket.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/content/source.h"
#include "dataplane/lanes/lane.h"
#include "dataplane/sending/limits.h"
#include "dataplane/sending/recipient.h"

namespace tcptool::dataplane {

// Lives on its lane's thread: whoever is elsewhere posts. A turn gives each
// recipient that can take bytes one block, and a little more to those who are a
// little behind; recipients of one speed so stay near each other, and all of
// them find the block in the processor's cache.
class Fanout : public std::enable_shared_from_this<Fanout> {
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

  // --- The session's side ---

  // Takes a new connection and waits for its handshake.
  void Add(UniqueFd socket, RecipientStatus status);
  // From Begin() on, this recipient, which is READY, gets the content.
  void Admit(uint64_t id);
  void Begin();
  // Ends one recipient, or all. Those that have ended are left alone.
  void Close(uint64_t id, RecipientState state, Reason reason,
             const std::string& detail);
  void CloseAll(Reason reason, const std::string& detail);

  // --- The recipients' side ---

  asio::io_context& io() { return lane_.io(); }
  SocketApi& sockets() { return lane_.sockets(); }
  const Limits& limits() const { return limits_; }
  // There is something to report of it.
  void Changed(const Recipient& recipient);
  // It can take bytes.
  void Queue(std::shared_ptr<Recipient> recipient);
  // It can, once the feed has some, or at the next tick.
  void WaitForFeed(std::shared_ptr<Recipient> recipient);
  void WaitForTick(std::shared_ptr<Recipient> recipient);
  void SourceFailed(const absl::Status& error);
  // One that was being sent to, up to `position`, is not any longer.
  void Left(uint64_t position);

 private:
  using List = std::vector<std::shared_ptr<Recipient>>;

  void RunTurn();
  // Sends one share, and more until the recipient is level with `goal`, but no
  // more than `most` bytes. Answers how many.
  size_t Serve(const std::shared_ptr<Recipient>& recipient, size_t share,
               uint64_t goal, size_t most, Clock::time_point now);
  void Moved(uint64_t from, uint64_t to);
  void PostTurn();
  void Requeue(List& list);
  // Streams: tells the feed where the recipients are.
  void TellFeed();
  // Fails those that are too far behind the fastest.
  void CheckLag();
  void StartTicking();
  void Tick();
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
  List waiting_for_feed_;
  List waiting_for_tick_;
  bool turn_posted_ = false;
  // Streams: the positions of those that are being sent to.
  std::multiset<uint64_t> positions_;
  uint64_t fastest_ = 0;  // The position of the fastest recipient, ever.
  TokenBucket budget_;
  asio::steady_timer budget_timer_;

  std::map<uint64_t, RecipientStatus> report_;
  absl::Status source_error_;
  bool flush_posted_ = false;
  asio::steady_timer tick_timer_;
  bool ticking_ = false;
  Clock::time_point last_measure_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_FANOUT_H_
