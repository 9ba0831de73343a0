// Amounts as people read them. Pure functions.
#ifndef TCPTOOL_TEXT_AMOUNTS_H_
#define TCPTOOL_TEXT_AMOUNTS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace tcptool {

// "999 B", "1.5 GiB". Powers of 1,024.
std::string HumanBytes(int64_t bytes);

// The two largest units, in whole seconds: "7s", "4m05s", "2h00m", "3d04h".
std::string HumanDuration(absl::Duration duration);

}  // namespace tcptool

#endif  // TCPTOOL_TEXT_AMOUNTS_H_
