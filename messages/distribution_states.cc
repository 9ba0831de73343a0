#include "messages/distribution_states.h"

#include "messages/enum_name.h"

namespace tcptool {

bool IsFinal(v1::DistributionState state) {
  return state >= v1::DISTRIBUTION_STATE_SUCCEEDED &&
         state <= v1::DISTRIBUTION_STATE_EXPIRED;
}

bool IsFinal(v1::DeliveryState state) {
  return state >= v1::DELIVERY_STATE_DELIVERED &&
         state <= v1::DELIVERY_STATE_CANCELLED;
}

std::string StateName(v1::DistributionState state) {
  return EnumName(v1::DistributionState_Name(state), "DISTRIBUTION_STATE_",
                  state);
}

std::string StateName(v1::DeliveryState state) {
  return EnumName(v1::DeliveryState_Name(state), "DELIVERY_STATE_", state);
}

std::string StandingName(v1::DeliveryStanding standing) {
  return EnumName(v1::DeliveryStanding_Name(standing), "DELIVERY_STANDING_",
                  standing);
}

}  // namespace tcptool
