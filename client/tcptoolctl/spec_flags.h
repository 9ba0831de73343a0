// The flags of `tcptoolctl create`, as the request that they describe.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_SPEC_FLAGS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_SPEC_FLAGS_H_

#include <CLI/App.hpp>

#include "tcptool/v1/session_service.pb.h"

namespace tcptool {

struct CreateFlags {
  v1::CreateSessionRequest request;
  // Upload standard input; the request's source is an upload then.
  bool from_stdin = false;
  // Then watch the session until it is final.
  bool watch = false;
};

// Adds the flags to `command`, whose parsing sets `flags`, which must outlive
// it. A flag whose value is out of the range that the API gives is CLI11's
// ValidationError, which names the flag; what only the service can know
// (whether there is such a file, say) is left to it.
void AddCreateFlags(CLI::App& command, CreateFlags& flags);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_SPEC_FLAGS_H_
