// The API's states: which are final, and what they are called.
#ifndef TCPTOOL_MESSAGES_STATES_H_
#define TCPTOOL_MESSAGES_STATES_H_

#include <string>

#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool {

// Whether the state can never change again. UNSPECIFIED, the state of a message
// that was not filled in, is not final.
bool IsFinal(v1::SessionState state);
bool IsFinal(v1::RecipientState state);
bool IsFinal(v1::ReceptionState state);

// "TRANSFERRING", "HANDSHAKE_TIMEOUT": the name without its prefix; "7" for a
// value that is newer than this program.
std::string StateName(v1::SessionState state);
std::string StateName(v1::RecipientState state);
std::string StateName(v1::ReceptionState state);
std::string ReasonName(v1::RecipientReason reason);
std::string ReasonName(v1::ReceptionReason reason);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_STATES_H_
