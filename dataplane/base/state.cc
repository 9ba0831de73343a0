#include "dataplane/base/state.h"

namespace tcptool::dataplane {

std::string_view Name(SessionState state) {
  switch (state) {
    case SessionState::kWaiting:
      return "WAITING";
    case SessionState::kTransferring:
      return "TRANSFERRING";
    case SessionState::kSucceeded:
      return "SUCCEEDED";
    case SessionState::kPartiallySucceeded:
      return "PARTIALLY_SUCCEEDED";
    case SessionState::kFailed:
      return "FAILED";
    case SessionState::kCancelled:
      return "CANCELLED";
    case SessionState::kExpired:
      return "EXPIRED";
    case SessionState::kInterrupted:
      return "INTERRUPTED";
  }
  return "";
}

std::string_view Name(RecipientState state) {
  switch (state) {
    case RecipientState::kExpected:
      return "EXPECTED";
    case RecipientState::kHandshaking:
      return "HANDSHAKING";
    case RecipientState::kReady:
      return "READY";
    case RecipientState::kTransferring:
      return "TRANSFERRING";
    case RecipientState::kConfirming:
      return "CONFIRMING";
    case RecipientState::kDelivered:
      return "DELIVERED";
    case RecipientState::kFailed:
      return "FAILED";
    case RecipientState::kRejected:
      return "REJECTED";
    case RecipientState::kDropped:
      return "DROPPED";
  }
  return "";
}

std::string_view Name(Reason reason) {
  switch (reason) {
    case Reason::kNone:
      return "";
    case Reason::kNotAuthorized:
      return "NOT_AUTHORIZED";
    case Reason::kHandshakeTimeout:
      return "HANDSHAKE_TIMEOUT";
    case Reason::kHandshakeClosed:
      return "HANDSHAKE_CLOSED";
    case Reason::kConnectionLost:
      return "CONNECTION_LOST";
    case Reason::kStalled:
      return "STALLED";
    case Reason::kUnconfirmed:
      return "UNCONFIRMED";
    case Reason::kSourceFailed:
      return "SOURCE_FAILED";
    case Reason::kSessionCancelled:
      return "SESSION_CANCELLED";
    case Reason::kServiceStopped:
      return "SERVICE_STOPPED";
    case Reason::kCapacity:
      return "CAPACITY";
    case Reason::kTlsFailed:
      return "TLS_FAILED";
  }
  return "";
}

bool IsFinal(SessionState state) {
  return state != SessionState::kWaiting &&
         state != SessionState::kTransferring;
}

bool IsFinal(RecipientState state) {
  return state == RecipientState::kDelivered ||
         state == RecipientState::kFailed ||
         state == RecipientState::kRejected ||
         state == RecipientState::kDropped;
}

}  // namespace tcptool::dataplane
