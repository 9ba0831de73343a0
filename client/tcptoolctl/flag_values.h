// Kinds of flags that several commands have.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <CLI/App.hpp>
#include <CLI/Option.hpp>
#include <CLI/Validators.hpp>
#include <cstdint>
#include <functional>
#include <optional>
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

// Takes a number from 0 to `high`. CLI11 would take one that no int64_t can
// hold for the largest that can.
CLI::Option* AddNumber(CLI::App& app, const std::string& flag, int64_t high,
                       const std::string& description,
                       std::function<void(int64_t)> set);

// May be given several times, with one value each. `type`: what --help calls a
// value.
CLI::Option* AddList(CLI::App& app, const std::string& flag,
                     const std::string& type, const std::string& description,
                     const std::function<void(const std::string&)>& add);

// --label KEY=VALUE, as AddList(). `add` gets the key and the value.
void AddLabels(CLI::App& app, const std::string& description,
               const std::function<void(const Pair&)>& add);

// --watch, which sets `watch`, and --validate-only; not both. `what` is made:
// "session".
void AddWatchOrValidate(CLI::App& app, const std::string& what, bool& watch,
                        const std::function<void()>& validate_only);

// "90m", so long before `now`, or "2030-01-31T12:00:00Z" (RFC 3339); none: it
// is neither, or cannot be a Timestamp.
std::optional<absl::Time> ParseMoment(const std::string& text, absl::Time now);

// Sets what `field` gives when the flag is on the command line.
void AddMoment(CLI::App& app, const std::string& flag,
               const std::string& description,
               std::function<google::protobuf::Timestamp*()> field);

// As AddList(), with the numbers of the `values` of an enumeration, which are
// written without `prefix`, in upper or lower case.
CLI::Option* AddEnums(CLI::App& app, const std::string& flag,
                      const google::protobuf::EnumDescriptor* values,
                      const std::string& prefix, const std::string& description,
                      const std::function<void(int)>& add);

// `flag`, for the root and the path of a FileDestination or a
// DistributionDestination, and --overwrite. `destination` outlives `app`.
template <typename Destination>
void AddDestination(CLI::App& app, const std::string& flag,
                    const std::string& description, Destination* destination) {
  app.add_option_function<std::string>(
         flag,
         [destination](const std::string& text) {
           const Pair pair = SplitPair(text, '/');
           destination->set_root(pair.first);
           destination->set_path(pair.second);
         },
         description)
      ->required()
      ->type_name("ROOT/PATH")
      ->check(IsPair('/', "ROOT/PATH"));
  app.add_flag_callback(
      "--overwrite", [destination] { destination->set_overwrite(true); },
      "Replace the file if it exists, once the whole content is there");
}

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_FLAG_VALUES_H_
