// The API's states.
#ifndef TCPTOOL_SERVER_API_STATES_H_
#define TCPTOOL_SERVER_API_STATES_H_

#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// True once the state can never change again.
inline bool IsFinal(v1::SessionState state) {
  return state != v1::SESSION_STATE_WAITING &&
         state != v1::SESSION_STATE_TRANSFERRING;
}

inline bool IsFinal(v1::RecipientState state) {
  return state == v1::RECIPIENT_STATE_DELIVERED ||
         state == v1::RECIPIENT_STATE_FAILED ||
         state == v1::RECIPIENT_STATE_REJECTED ||
         state == v1::RECIPIENT_STATE_DROPPED;
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_STATES_H_
