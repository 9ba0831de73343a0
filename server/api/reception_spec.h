// Checks a reception's spec, and translates it to options of the data plane.
#ifndef TCPTOOL_SERVER_API_RECEPTION_SPEC_H_
#define TCPTOOL_SERVER_API_RECEPTION_SPEC_H_

#include "absl/status/statusor.h"
#include "dataplane/receiving/reception.h"
#include "dataplane/receiving/sender_upstream.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

struct ReceptionPlan {
  // All but the destination's directory and id.
  dataplane::ReceptionOptions options;
  dataplane::SenderOptions sender;
  // Of the destination, relative to its root: where the directory is. "." is
  // the root itself.
  std::string directory;
};

// Checks `spec`, and fills in its defaults. Does not look for the destination.
// INVALID_ARGUMENT names the first field that is wrong.
absl::StatusOr<ReceptionPlan> ToReceptionPlan(v1::ReceptionSpec& spec);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_RECEPTION_SPEC_H_
