// A distribution's content, served to recipients that are no nodes.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_

#include <asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/fleet/deliveries/served_service.h"
#include "server/fleet/follower/delivery_port.h"
#include "tcptool/fleet/v1/fleet.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::fleet {

// A session of a certain name, which an earlier run of the process may have
// begun: that goes on; one that has ended is deleted and begun anew. One that
// ends under this is not. All is on the thread of `io`.
class ServedContent : public std::enable_shared_from_this<ServedContent> {
 public:
  // `request` has the session's id and all of its spec.
  ServedContent(ServedService service,
                tcptool::v1::CreateSessionRequest request,
                DeliveryPort::OnServing serving);

  // Looks how it is, and tells. To be called again and again.
  void Look();

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
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENT_H_
