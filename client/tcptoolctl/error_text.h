// What tcptoolctl prints of an error that ends it: for people, and for
// programs. Texts that others chose are shown without their control characters.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_

#include <string>

#include "absl/status/status.h"
#include "client/api/channel.h"

namespace tcptool {

// "INVALID_ARGUMENT: session.spec.allow[0]: what is wrong with it", and a line
// for each other field of the request that is wrong. Every line has its end.
std::string ErrorText(const absl::Status& error);

// The same error; with the option that may lack, if whoever listens has ended
// each connection before a call: gRPC's words say nothing of TLS.
absl::Status WithMissingOption(const absl::Status& error,
                               const ChannelOptions& channel);

// One line with its end: {"error": a google.rpc.Status}, with the details that
// this program knows the types of.
std::string ErrorJson(const absl::Status& error);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_
