// What tcptoolctl prints of an error that ends it: for people, and for
// programs. Texts that others chose are shown without their control characters.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_

#include <string>

#include "absl/status/status.h"

namespace tcptool {

// "INVALID_ARGUMENT: session.spec.allow[0]: what is wrong with it", and a line
// for each other field of the request that is wrong. Every line has its end.
std::string ErrorText(const absl::Status& error);

// One line with its end: {"error": a google.rpc.Status}, with the details that
// this program knows the types of.
std::string ErrorJson(const absl::Status& error);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_ERROR_TEXT_H_
