// The states of distributions and of their deliveries: which are final, and
// what they are called. states.h has the others.
#ifndef TCPTOOL_MESSAGES_DISTRIBUTION_STATES_H_
#define TCPTOOL_MESSAGES_DISTRIBUTION_STATES_H_

#include <string>

#include "tcptool/v1/distribution.pb.h"

namespace tcptool {

// Whether the state changes no more, unless the distribution is tried again.
bool IsFinal(v1::DistributionState state);
bool IsFinal(v1::DeliveryState state);

// "PARTIALLY_SUCCEEDED": the name without its prefix; "9" for a value that is
// newer than this program.
std::string StateName(v1::DistributionState state);
std::string StateName(v1::DeliveryState state);
std::string StandingName(v1::DeliveryStanding standing);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_DISTRIBUTION_STATES_H_
