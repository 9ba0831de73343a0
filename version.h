// The version of every program of the project, defined here alone.
#ifndef TCPTOOL_VERSION_H_
#define TCPTOOL_VERSION_H_

#include <string_view>

namespace tcptool {

// Semantic versioning (semver.org).
inline constexpr std::string_view kVersion = "0.2.0";

}  // namespace tcptool

#endif  // TCPTOOL_VERSION_H_
