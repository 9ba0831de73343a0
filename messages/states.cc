#include "messages/states.h"

#include "messages/enum_name.h"

namespace tcptool {

bool IsFinal(v1::SessionState state) {
  return state != v1::SESSION_STATE_UNSPECIFIED &&
         state != v1::SESSION_STATE_WAITING &&
         state != v1::SESSION_STATE_TRANSFERRING;
}

bool IsFinal(v1::RecipientState state) {
  return state == v1::RECIPIENT_STATE_DELIVERED ||
         state == v1::RECIPIENT_STATE_FAILED ||
         state == v1::RECIPIENT_STATE_REJECTED ||
         state == v1::RECIPIENT_STATE_DROPPED;
}

bool IsFinal(v1::ReceptionState state) {
  return state == v1::RECEPTION_STATE_SUCCEEDED ||
         state == v1::RECEPTION_STATE_FAILED ||
         state == v1::RECEPTION_STATE_CANCELLED ||
         state == v1::RECEPTION_STATE_INTERRUPTED;
}

std::string StateName(v1::SessionState state) {
  return EnumName(v1::SessionState_Name(state), "SESSION_STATE_", state);
}

std::string StateName(v1::RecipientState state) {
  return EnumName(v1::RecipientState_Name(state), "RECIPIENT_STATE_", state);
}

std::string StateName(v1::ReceptionState state) {
  return EnumName(v1::ReceptionState_Name(state), "RECEPTION_STATE_", state);
}

std::string ReasonName(v1::RecipientReason reason) {
  return EnumName(v1::RecipientReason_Name(reason), "RECIPIENT_REASON_",
                  reason);
}

std::string ReasonName(v1::ReceptionReason reason) {
  return EnumName(v1::ReceptionReason_Name(reason), "RECEPTION_REASON_",
                  reason);
}

}  // namespace tcptool
