// The flags of `tcptoolctl distribute`.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTE_FLAGS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTE_FLAGS_H_

#include <CLI/App.hpp>

#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool {

struct DistributeFlags {
  v1::CreateDistributionRequest request;
  // Upload standard input; the request's source is an upload then.
  bool from_stdin = false;
  bool watch = false;
};

// Parsing the flags fills `flags`, which outlives `command`.
void AddDistributeFlags(CLI::App& command, DistributeFlags& flags);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTE_FLAGS_H_
