// The values of a fleet's keys.
#ifndef TCPTOOL_SERVER_FLEET_STATE_VALUES_H_
#define TCPTOOL_SERVER_FLEET_STATE_VALUES_H_

#include <string>

#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// Each returns whether `value` is such a message, and has what fleet.proto says
// is required of it, in range. What a later version has added is skipped.
bool ParseValue(const std::string& value, v1::Node& node);
bool ParseValue(const std::string& value, v1::Coordinator& coordinator);
bool ParseValue(const std::string& value, v1::DistributionSpec& spec);
bool ParseValue(const std::string& value, v1::Head& head);
bool ParseValue(const std::string& value, v1::EdgeRecord& record);
bool ParseValue(const std::string& value, v1::Delivery& delivery);

// SUCCEEDED, and all behind it.
bool IsFinal(v1::DistributionState state);

// A part of the content is there, and not the whole.
bool HasSomething(v1::DeliveryState state);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_VALUES_H_
