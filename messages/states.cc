#include "messages/states.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tcptool {
namespace {

// `name` is empty for a number that this program's version of the API lacks.
std::string EnumName(const std::string& name, absl::string_view prefix,
                     int number) {
  if (name.empty()) return absl::StrCat(number);
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace

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
