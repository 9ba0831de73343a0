// What a value of an enumeration of the API is called.
#ifndef TCPTOOL_MESSAGES_ENUM_NAME_H_
#define TCPTOOL_MESSAGES_ENUM_NAME_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace tcptool {

// `name` without `prefix`; it is empty for a number that this program's version
// of the API lacks, which is shown instead.
inline std::string EnumName(const std::string& name, absl::string_view prefix,
                            int number) {
  if (name.empty()) return absl::StrCat(number);
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_ENUM_NAME_H_
