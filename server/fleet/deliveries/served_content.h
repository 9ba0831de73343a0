// A distribution's content, served to recipients that are no nodes.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/deliveries/served_service.h"
#include "server/fleet/follower/delivery_port.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::fleet {

// Between changes of the counts alone that a node tells, each of which is a
// write to etcd that all nodes are told of: 10 s, or longer where so many nodes
// are registered that together they would write more than ten times a second of
// one distribution.
std::chrono::milliseconds BetweenCounts(size_t nodes);

// A session of a certain name, which an earlier run of the process may have
// begun: that goes on; one that has ended is deleted and begun anew. One that
// ends under this is not. All is on the thread of `io`.
class ServedContent : public std::enable_shared_from_this<ServedContent> {
 public:
  // `request` has the session's id and all of its spec.
  ServedContent(ServedService service,
                tcptool::v1::CreateSessionRequest request,
                DeliveryPort::OnServing serving);

  // Looks how it is, and tells; the counts alone not sooner than
  // `between_counts` after what was told before. To be called again and again.
  void Look(std::chrono::milliseconds between_counts);

  // Nothing is told any more. `done`, once no session will be made any more.
  void Leave(std::function<void()> done);

 private:
  using Clock = std::chrono::steady_clock;

  void LookAt(const tcptool::v1::Session& session);
  // Of a reception: there is something to be served.
  bool HasSource() const;
  void Create();
  // One of an earlier run, or of an earlier try.
  void Delete();
  // What was asked for is answered.
  void Answered(const absl::Status& status);
  void Fail(std::string error);
  void Tell(v1::Serving serving);

  const ServedService service_;
  const tcptool::v1::CreateSessionRequest request_;
  const std::string name_;
  const DeliveryPort::OnServing serving_;
  bool is_there_ = false;   // It was made, or found, and has not ended.
  bool is_asking_ = false;  // For one to be made, or to be deleted.
  bool is_over_ = false;
  std::function<void()> on_answer_;  // After Leave().
  Clock::time_point next_try_;
  v1::Serving told_;
  Clock::time_point told_at_;
  std::chrono::milliseconds between_counts_{0};  // Of the last look.
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_
