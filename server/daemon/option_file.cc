#include "server/daemon/option_file.h"

#include <toml++/toml.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {
namespace {

absl::Status ErrorAt(const std::string& path, const toml::source_region& place,
                     absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      path, ":", place.begin.line, ":", place.begin.column, ": ", what));
}

absl::StatusOr<toml::table> ReadTable(const std::string& path) {
  errno = 0;
  std::ifstream file(path);
  std::ostringstream text;
  // An empty file is no error, but sets the stream's fail bit.
  if (!file.is_open() || ((text << file.rdbuf()).fail() && errno != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--config ", path,
        ": cannot read it: ", std::strerror(errno != 0 ? errno : EIO)));
  }
  try {
    return toml::parse(text.str(), path);
  } catch (const toml::parse_error& error) {
    return ErrorAt(path, error.source(),
                   absl::StrCat("no TOML: ", std::string(error.description())));
  }
}

// The value as a command line would have it.
std::optional<std::string> AsArgument(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) {
    return absl::StrCat(number->get());
  }
  if (const auto* flag = node.as_boolean()) {
    return flag->get() ? "true" : "false";
  }
  return std::nullopt;
}

// The values of an option, in order; an array has several.
absl::StatusOr<std::vector<std::string>> AsArguments(const std::string& path,
                                                     const toml::node& node) {
  std::vector<const toml::node*> elements;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& element : *array) elements.push_back(&element);
  } else {
    elements.push_back(&node);
  }
  std::vector<std::string> arguments;
  for (const toml::node* element : elements) {
    std::optional<std::string> argument = AsArgument(*element);
    if (!argument) {
      return ErrorAt(path, element->source(),
                     "a value is a string, a whole number, true or false, or "
                     "an array of these");
    }
    arguments.push_back(*std::move(argument));
  }
  return arguments;
}

absl::Status Apply(const std::string& path, const toml::key& key,
                   const toml::node& value, CLI::App& app) {
  const std::string name(key.str());
  CLI::Option* option = app.get_option_no_throw(absl::StrCat("--", name));
  if (option == nullptr || option->get_envname().empty() || name == "config") {
    return ErrorAt(path, key.source(),
                   absl::StrCat("there is no option \"", name, "\""));
  }
  // A flag has no values of its own; CLI11 would take any number for one.
  const bool is_flag = option->get_expected_max() == 0;
  if (is_flag && !value.is_boolean()) {
    return ErrorAt(path, value.source(),
                   absl::StrCat("\"", name, "\" is true or false"));
  }
  const auto arguments = AsArguments(path, value);
  if (!arguments.ok()) return arguments.status();
  if (value.is_array() && option->get_expected_max() <= 1) {
    return ErrorAt(path, value.source(),
                   absl::StrCat("\"", name, "\" takes one value"));
  }
  if (option->count() > 0 || arguments->empty()) return absl::OkStatus();
  try {
    option->add_result(*arguments);
    option->run_callback();
  } catch (const CLI::Error& error) {
    return ErrorAt(path, value.source(), error.what());
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyOptionFile(const std::string& path, CLI::App& app) {
  const absl::StatusOr<toml::table> table = ReadTable(path);
  if (!table.ok()) return table.status();
  for (const auto& [key, value] : *table) {
    if (absl::Status status = Apply(path, key, value, app); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace tcptool::server
