// The clients whose connections the service has ended and that have not taken
// all that they were sent.
#ifndef TCPTOOL_SERVER_FRONT_LEAVING_CLIENTS_H_
#define TCPTOOL_SERVER_FRONT_LEAVING_CLIENTS_H_

#include <map>
#include <vector>

#include "dataplane/base/clock.h"
#include "dataplane/base/unique_fd.h"
#include "server/front/places.h"

namespace tcptool::server {

// What a client has not taken the kernel holds on after close(2), for as long
// as TCP_USER_TIMEOUT says, and nobody counts it. So strangers keep their place
// until they have all, or have had time for it; then they are reset. Not
// thread-safe.
class LeavingClients {
 public:
  using Clock = dataplane::Clock;

  // For a client to take what it was sent, and to acknowledge the end.
  static constexpr auto kPatience = std::chrono::seconds(10);

  // Sends the end. The place stays taken until Tick() or Reset() has it.
  void Add(Places::Id place, dataplane::UniqueFd client, Clock::time_point now);
  // Resets the one that has this place. False: none here has it.
  bool Reset(Places::Id place);
  // The places of those that have gone since the last time. About once a
  // second.
  std::vector<Places::Id> Tick(Clock::time_point now);

 private:
  struct Leaving {
    dataplane::UniqueFd client;
    Clock::time_point since;
  };

  std::map<Places::Id, Leaving> leaving_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_LEAVING_CLIENTS_H_
