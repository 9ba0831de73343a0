#include "client/tcptoolctl/flag_values.h"

#include <google/protobuf/util/time_util.h>

#include <CLI/CLI.hpp>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "messages/time.h"

namespace tcptool {
namespace {

using google::protobuf::util::TimeUtil;

constexpr absl::Duration kLongestAgo = absl::Hours(100 * 8760);
// Of what a Timestamp may have.
constexpr absl::Time kFirst =
    absl::FromUnixSeconds(TimeUtil::kTimestampMinSeconds);
constexpr absl::Time kLast =
    absl::FromUnixSeconds(TimeUtil::kTimestampMaxSeconds);

}  // namespace

std::optional<absl::Time> ParseMoment(const std::string& text, absl::Time now) {
  absl::Duration ago;
  if (absl::ParseDuration(text, &ago)) {
    if (ago < absl::ZeroDuration() || ago > kLongestAgo) return std::nullopt;
    return now - ago;
  }
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr) ||
      time < kFirst || time > kLast) {
    return std::nullopt;
  }
  return time;
}

Pair SplitPair(const std::string& text, char separator) {
  return absl::StrSplit(text, absl::MaxSplits(separator, 1));
}

Check IsPair(char separator, const std::string& form) {
  return [separator, form](const std::string& text) -> std::string {
    const Pair pair = SplitPair(text, separator);
    if (!pair.first.empty() && text.find(separator) != std::string::npos) {
      return "";
    }
    return absl::StrCat("\"", text, "\" is not of the form ", form);
  };
}

CLI::Validator DurationIn(absl::Duration low, absl::Duration high) {
  const auto check = [low, high](const std::string& text) -> std::string {
    absl::Duration duration;
    if (!absl::ParseDuration(text, &duration)) {
      return absl::StrCat("\"", text,
                          "\" is no duration; write it as 1.5s, 10m or 2h30m");
    }
    if (duration >= low && duration <= high) return "";
    return absl::StrCat(text, " is not between ", absl::FormatDuration(low),
                        " and ", absl::FormatDuration(high));
  };
  return CLI::Validator(check, "");
}

void AddDuration(CLI::App& app, const std::string& flag, absl::Duration low,
                 absl::Duration high, const std::string& description,
                 std::function<google::protobuf::Duration*()> field) {
  const auto set = [field = std::move(field)](const std::string& text) {
    absl::Duration duration;
    if (absl::ParseDuration(text, &duration))
      *field() = ToProtoDuration(duration);
  };
  app.add_option_function<std::string>(flag, set, description)
      ->type_name("DURATION")
      ->check(DurationIn(low, high));
}

CLI::Option* AddNumber(CLI::App& app, const std::string& flag, int64_t high,
                       const std::string& description,
                       std::function<void(int64_t)> set) {
  const auto check = [high](const std::string& text) -> std::string {
    int64_t number = 0;
    if (absl::SimpleAtoi(text, &number) && number >= 0 && number <= high) {
      return "";
    }
    return absl::StrCat("\"", text, "\" is not a whole number from 0 to ",
                        high);
  };
  const auto set_checked = [set = std::move(set)](const std::string& text) {
    int64_t number = 0;
    if (absl::SimpleAtoi(text, &number)) set(number);
  };
  return app.add_option_function<std::string>(flag, set_checked, description)
      ->type_name("N")
      ->check(check);
}

CLI::Option* AddList(CLI::App& app, const std::string& flag,
                     const std::string& type, const std::string& description,
                     const std::function<void(const std::string&)>& add) {
  const auto set = [add](const std::vector<std::string>& values) {
    for (const std::string& value : values) add(value);
  };
  return app
      .add_option_function<std::vector<std::string>>(
          flag, set, absl::StrCat(description, "; may be repeated"))
      ->type_name(type)
      ->allow_extra_args(false);
}

void AddLabels(CLI::App& app, const std::string& description,
               const std::function<void(const Pair&)>& add) {
  AddList(app, "--label", "KEY=VALUE", description,
          [add](const std::string& text) { add(SplitPair(text, '=')); })
      ->check(IsPair('=', "KEY=VALUE"));
}

void AddWatchOrValidate(CLI::App& app, const std::string& what, bool& watch,
                        const std::function<void()>& validate_only) {
  CLI::Option* const flag =
      app.add_flag("--watch", watch,
                   absl::StrCat("Then watch the ", what, " until it is final"));
  app.add_flag_callback("--validate-only", validate_only,
                        "Make none: check it, and show what would be made")
      ->excludes(flag);
}

void AddMoment(CLI::App& app, const std::string& flag,
               const std::string& description,
               std::function<google::protobuf::Timestamp*()> field) {
  const auto check = [](const std::string& text) -> std::string {
    if (ParseMoment(text, absl::Now())) return "";
    if (absl::Duration ago; absl::ParseDuration(text, &ago)) {
      return absl::StrCat(text, " ago is not between 0 and ",
                          absl::FormatDuration(kLongestAgo), " ago");
    }
    return absl::StrCat("\"", text,
                        "\" is no point in time; write it as 90m, for so long "
                        "ago, or as 2030-01-31T12:00:00Z");
  };
  const auto set = [field = std::move(field)](const std::string& text) {
    if (const auto time = ParseMoment(text, absl::Now())) {
      *field() = ToTimestamp(*time);
    }
  };
  app.add_option_function<std::string>(flag, set, description)
      ->type_name("WHEN")
      ->check(check);
}

CLI::Option* AddEnums(CLI::App& app, const std::string& flag,
                      const google::protobuf::EnumDescriptor* values,
                      const std::string& prefix, const std::string& description,
                      const std::function<void(int)>& add) {
  const auto number = [values, prefix](const std::string& text) {
    const auto* value = values->FindValueByName(
        absl::StrCat(prefix, absl::AsciiStrToUpper(text)));
    return value == nullptr ? 0 : value->number();
  };
  const auto check = [=](const std::string& text) -> std::string {
    if (number(text) != 0) return "";
    std::string names;
    for (int i = 1; i < values->value_count(); ++i) {
      absl::StrAppend(&names, i == 1 ? "" : ", ",
                      absl::StripPrefix(values->value(i)->name(), prefix));
    }
    return absl::StrCat("\"", text, "\" is none of ", names);
  };
  return AddList(app, flag, "NAME", description,
                 [=](const std::string& text) { add(number(text)); })
      ->check(check);
}

}  // namespace tcptool
