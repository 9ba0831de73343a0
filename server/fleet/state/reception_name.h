// What a node calls its reception of a distribution.
#ifndef TCPTOOL_SERVER_FLEET_STATE_RECEPTION_NAME_H_
#define TCPTOOL_SERVER_FLEET_STATE_RECEPTION_NAME_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace tcptool::fleet {

// The last part of that name, of a distribution whose spec was created at
// `revision` and has this `uid`: others that have had its name have other
// receptions, as have those of other fleets, and those of an etcd that was
// restored and has come to the revision again. The next run of the process
// finds it again by that.
std::string ReceptionId(absl::string_view fleet, absl::string_view distribution,
                        int64_t revision, absl::string_view uid);

// "receptions/{reception}".
std::string ReceptionName(absl::string_view fleet,
                          absl::string_view distribution, int64_t revision,
                          absl::string_view uid);

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_STATE_RECEPTION_NAME_H_
