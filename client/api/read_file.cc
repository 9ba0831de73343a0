#include "client/api/read_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace tcptool {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ostringstream text;
  errno = 0;
  text << std::ifstream(path).rdbuf();
  if (!text) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": ", errno != 0 ? std::strerror(errno) : "is empty"));
  }
  return text.str();
}

}  // namespace tcptool
