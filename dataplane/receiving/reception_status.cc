#include "dataplane/receiving/reception_status.h"

namespace tcptool::dataplane {

std::string_view Name(ReceptionState state) {
  switch (state) {
    case ReceptionState::kConnecting:
      return "CONNECTING";
    case ReceptionState::kWaiting:
      return "WAITING";
    case ReceptionState::kReceiving:
      return "RECEIVING";
    case ReceptionState::kVerifying:
      return "VERIFYING";
    case ReceptionState::kSucceeded:
      return "SUCCEEDED";
    case ReceptionState::kFailed:
      return "FAILED";
    case ReceptionState::kCancelled:
      return "CANCELLED";
    case ReceptionState::kInterrupted:
      return "INTERRUPTED";
  }
  return "";
}

std::string_view Name(ReceptionReason reason) {
  switch (reason) {
    case ReceptionReason::kNone:
      return "";
    case ReceptionReason::kUnreachable:
      return "UNREACHABLE";
    case ReceptionReason::kConnectionLost:
      return "CONNECTION_LOST";
    case ReceptionReason::kStalled:
      return "STALLED";
    case ReceptionReason::kLengthMismatch:
      return "LENGTH_MISMATCH";
    case ReceptionReason::kDigestMismatch:
      return "DIGEST_MISMATCH";
    case ReceptionReason::kNoSpace:
      return "NO_SPACE";
    case ReceptionReason::kAlreadyExists:
      return "ALREADY_EXISTS";
    case ReceptionReason::kDestinationFailed:
      return "DESTINATION_FAILED";
  }
  return "";
}

bool IsFinal(ReceptionState state) {
  switch (state) {
    case ReceptionState::kConnecting:
    case ReceptionState::kWaiting:
    case ReceptionState::kReceiving:
    case ReceptionState::kVerifying:
      return false;
    case ReceptionState::kSucceeded:
    case ReceptionState::kFailed:
    case ReceptionState::kCancelled:
    case ReceptionState::kInterrupted:
      return true;
  }
  return true;
}

}  // namespace tcptool::dataplane
