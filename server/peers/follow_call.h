// One call of PeerService.Follow.
#ifndef TCPTOOL_SERVER_PEERS_FOLLOW_CALL_H_
#define TCPTOOL_SERVER_PEERS_FOLLOW_CALL_H_

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/content/route.h"
#include "server/peers/end_watch.h"
#include "server/peers/followers.h"
#include "server/peers/peer_content.h"
#include "server/peers/peer_port.h"
#include "server/rpc/call.h"
#include "tcptool/peer/v1/peer_service.pb.h"

namespace tcptool::server {

// Looks for news at each Tick(), and has one message on its way at a time: a
// caller that does not read holds up nobody, and costs that message.
class FollowCall : public Call {
 public:
  // `followers` outlives the call.
  FollowCall(Headers headers, Followers& followers)
      : Call(std::move(headers)), followers_(followers) {}

  void Begin() override { Read(); }
  void OnWritten(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Sends what has become known. To be called every few milliseconds, and each
  // one where it returns true: the end, for which the caller will wait, is near
  // (EndWatch).
  bool Tick(Clock::time_point now);
  // The connection that the call's ticket came on. It is reset when the call
  // ends before all of the content has been handed to it. One that the content
  // does not take ends the call, and says why; so does one with another
  // certificate than the call's.
  void Take(DataConnection connection);
  void Stop(const absl::Status& reason);

 private:
  void OnRead(bool ok) override;
  void OnFound(const absl::StatusOr<std::shared_ptr<PeerContent>>& found);
  // The number of the connection, which the content has taken.
  void OnTaken(const std::shared_ptr<PeerContent>& content,
               const absl::StatusOr<uint64_t>& connection);
  // Sends the first message. `may_take`: whether the content takes the caller.
  void Follow(const std::shared_ptr<PeerContent>& content,
              const absl::Status& may_take);
  // What the content knows the caller's reception by. It begins with who calls,
  // so that nobody can come in the place of another caller's.
  std::string NodeName() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether the caller takes content as it is sent here, in TLS or not, and is
  // the node that it says it is. FAILED_PRECONDITION, PERMISSION_DENIED.
  absl::Status CheckCaller() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Ends the call, and logs that it was not allowed.
  void Refuse(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // OUT_OF_RANGE: the caller's offset is behind the end.
  absl::Status CheckOffset() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status AddTicket(peer::v1::FollowResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is anything in it that is not in each message.
  bool Fill(peer::v1::FollowResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FillRoute(peer::v1::FollowResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Send(const peer::v1::FollowResponse& response)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // And resets the connection: a call is the right to have one.
  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::shared_ptr<FollowCall> Self() {
    return std::static_pointer_cast<FollowCall>(shared_from_this());
  }

  Followers& followers_;
  absl::Mutex mutex_;
  peer::v1::FollowRequest request_ ABSL_GUARDED_BY(mutex_);
  uint64_t id_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: it is none of `followers_`.
  // From the first message until the end.
  std::shared_ptr<PeerContent> content_ ABSL_GUARDED_BY(mutex_);
  uint64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: there is none yet.
  uint64_t next_block_ ABSL_GUARDED_BY(mutex_) = 0;
  dataplane::Route route_sent_ ABSL_GUARDED_BY(mutex_);
  Clock::time_point route_looked_at_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> length_sent_ ABSL_GUARDED_BY(mutex_);
  EndWatch end_watch_ ABSL_GUARDED_BY(mutex_);
  bool end_sent_ ABSL_GUARDED_BY(mutex_) = false;
  Clock::time_point last_sent_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_FOLLOW_CALL_H_
