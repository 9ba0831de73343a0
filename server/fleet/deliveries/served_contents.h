// All that a node serves of its distributions to recipients that are no nodes.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENTS_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENTS_H_

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "server/fleet/deliveries/served_content.h"
#include "server/fleet/deliveries/served_service.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::fleet {

// Their sessions, which have a label; all others are left alone. All is on the
// thread of `io`.
class ServedContents {
 public:
  ServedContents(ServedService service, std::string label);
  // What is served goes on.
  ~ServedContents();
  ServedContents(const ServedContents&) = delete;
  ServedContents& operator=(const ServedContents&) = delete;

  // Cancels all sessions that are not among these, of which it has "sessions/"
  // and their ids.
  void KeepOnly(const std::set<std::string>& names);
  // See DeliveryPort.
  void SetNodeCount(size_t nodes) { nodes_ = nodes; }
  // `request`: as of ServedContent.
  void Serve(tcptool::v1::CreateSessionRequest request,
             DeliveryPort::OnServing serving);
  // By its name. Cancels it, and keeps its records for its retention.
  void End(const std::string& name);

  bool empty() const { return served_.empty(); }
  // To be called again and again.
  void Look();

 private:
  void Cancel(const std::string& name);

  const ServedService service_;
  const std::string label_;
  size_t nodes_ = 0;
  std::map<std::string, std::shared_ptr<ServedContent>> served_;
  // How many answers are awaited for a session: nothing else is done about it
  // until then.
  std::map<std::string, int> cancelled_;
  // Gone with this: for what is called later.
  const std::shared_ptr<const bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_SERVED_CONTENTS_H_
