// The flags of `tcptoolctl receive`, as the request that they describe.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_RECEIVE_FLAGS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_RECEIVE_FLAGS_H_

#include <CLI/App.hpp>

#include "tcptool/v1/reception_service.pb.h"

namespace tcptool {

struct ReceiveFlags {
  v1::CreateReceptionRequest request;
  // Then watch the reception until it is final.
  bool watch = false;
};

// As AddCreateFlags().
void AddReceiveFlags(CLI::App& command, ReceiveFlags& flags);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_RECEIVE_FLAGS_H_
