// The flags of `tcptoolctl update`, as the request that they describe.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_UPDATE_FLAGS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_UPDATE_FLAGS_H_

#include <CLI/App.hpp>

#include "tcptool/v1/session_requests.pb.h"

namespace tcptool {

struct UpdateFlags {
  // With its mask. Labels, rules and expected recipients are those alone that
  // are to be added: see AddToLists().
  v1::UpdateSessionRequest request;
};

// As AddCreateFlags().
void AddUpdateFlags(CLI::App& command, UpdateFlags& flags);

// Makes a request that adds to lists one that replaces them: with what
// `session` has, and with its etag, so that nothing is lost that another adds
// meanwhile. No effect on one that adds to none.
void AddToLists(const v1::Session& session, v1::UpdateSessionRequest& request);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_UPDATE_FLAGS_H_
