// Kinds of flags that several commands have.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_

#include <google/protobuf/duration.pb.h>

#include <CLI/App.hpp>
#include <CLI/Validators.hpp>
#include <functional>
#include <string>
#include <utility>

#include "absl/time/time.h"

namespace tcptool {

using Pair = std::pair<std::string, std::string>;

// "a=b=c" is "a" and "b=c".
Pair SplitPair(const std::string& text, char separator);

// What CLI11 calls on a value: the error, or an empty string.
using Check = std::function<std::string(const std::string&)>;

// What is before `separator` must not be empty. `form`: how it should look.
Check IsPair(char separator, const std::string& form);

// Accepts durations as "1.5s", "10m" or "2h30m", between `low` and `high`, both
// included.
CLI::Validator DurationIn(absl::Duration low, absl::Duration high);

// Sets what `field` gives when the flag is on the command line.
void AddDuration(CLI::App& app, const std::string& flag, absl::Duration low,
                 absl::Duration high, const std::string& description,
                 std::function<google::protobuf::Duration*()> field);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_
