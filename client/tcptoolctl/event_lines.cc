#include "client/tcptoolctl/event_lines.h"

#include <fcntl.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/error_text.h"
#include "client/tcptoolctl/json.h"

namespace tcptool {
namespace {

constexpr int64_t kFirstLook = int64_t{64} << 10;

struct WholeLine {
  std::string text;  // Without its end.
  int64_t end = 0;   // Where in the file it has ended.
};

// The last line of `file` that has its end; empty if there is none.
WholeLine LastWholeLine(std::ifstream& file) {
  file.seekg(0, std::ios::end);
  const auto size = static_cast<int64_t>(file.tellg());
  if (size < 0) return {};  // A pipe.
  // A line may be large: more is read until it is found.
  for (int64_t look = kFirstLook;; look *= 2) {
    const int64_t begin = std::max<int64_t>(size - look, 0);
    std::string text(static_cast<size_t>(size - begin), '\0');
    file.seekg(begin);
    if (!file.read(text.data(), static_cast<std::streamsize>(text.size()))) {
      return {};
    }
    const size_t end = text.rfind('\n');
    if (end != std::string::npos) {
      const int64_t behind = begin + static_cast<int64_t>(end) + 1;
      const size_t before =
          end == 0 ? std::string::npos : text.rfind('\n', end - 1);
      if (before != std::string::npos) {
        return {.text = text.substr(before + 1, end - before - 1),
                .end = behind};
      }
      if (begin == 0) return {.text = text.substr(0, end), .end = behind};
    }
    if (begin == 0) return {};
  }
}

// What a line says; -1: it is none of EventLines.
int64_t RevisionOf(const std::string& line) {
  google::protobuf::Struct object;
  if (!google::protobuf::util::JsonStringToMessage(line, &object).ok()) {
    return -1;
  }
  const auto found = object.fields().find("resume");
  int64_t revision = 0;
  if (found == object.fields().end() ||
      !absl::SimpleAtoi(found->second.string_value(), &revision) ||
      revision < 0) {
    return -1;
  }
  return revision;
}

bool IsRevision(const std::string& text) {
  return std::ranges::all_of(text, absl::ascii_isdigit);
}

bool AppendsTo(const std::string& file, int output) {
  struct stat named {};
  struct stat written {};
  const int flags = fcntl(output, F_GETFL);
  return flags >= 0 && (flags & O_APPEND) != 0 &&
         stat(file.c_str(), &named) == 0 && fstat(output, &written) == 0 &&
         S_ISREG(written.st_mode) && named.st_dev == written.st_dev &&
         named.st_ino == written.st_ino;
}

}  // namespace

std::string EventLines::Line(absl::string_view fields) const {
  absl::ConsumePrefix(&fields, "{");
  // A kind of change that this program's version of the API lacks has no
  // fields.
  return absl::StrCat("{\"revision\":\"", revision_, "\",\"resume\":\"",
                      resume_, "\"", fields == "}" ? "" : ",", fields, "\n");
}

std::string EventLines::Snapshot(const absl::Status& error) {
  resume_ = 0;
  if (error.ok()) return Line("{\"snapshot\":true}");
  const std::string json = ErrorJson(error);
  absl::string_view fields = absl::StripSuffix(json, "\n");
  absl::ConsumePrefix(&fields, "{");
  return Line(absl::StrCat("{\"snapshot\":true,", fields));
}

std::vector<std::string> EventLines::Of(
    const v1::WatchSessionsResponse& response) {
  std::vector<std::string> lines;
  revision_ = response.revision();
  for (const v1::Change& change : response.changes()) {
    lines.push_back(Line(Json(change)));
  }
  if (response.bookmark()) {
    resume_ = response.revision();
    lines.push_back(Line("{\"bookmark\":true}"));
  }
  return lines;
}

std::string WhyNoResume(const std::string& text) {
  if (text.empty()) {
    return "it is empty; leave it out to begin with what there is";
  }
  // Of a script, more likely than a file that is not there yet.
  if (text.front() != '-') return "";
  return absl::StrCat(
      "\"", text,
      "\" is no revision, which is not negative; a file of this "
      "name is ./",
      text);
}

absl::StatusOr<int64_t> ReadResumeRevision(const std::string& text) {
  if (IsRevision(text)) {
    int64_t revision = 0;
    if (absl::SimpleAtoi(text, &revision)) return revision;
    return absl::InvalidArgumentError(absl::StrCat(
        "--resume: \"", text,
        "\" is no revision; give the `resume` of a line, or a file of lines"));
  }
  errno = 0;
  std::ifstream file(text, std::ios::binary);
  if (!file && errno == ENOENT) return 0;
  if (!file) {
    return absl::InvalidArgumentError(
        absl::StrCat("--resume: ", text, ": ", std::strerror(errno)));
  }
  // A directory can be opened, and not be read.
  if (file.peek() == std::ifstream::traits_type::eof() && !file.bad()) return 0;
  file.clear();
  const int64_t revision = RevisionOf(LastWholeLine(file).text);
  if (revision >= 0) return revision;
  return absl::InvalidArgumentError(absl::StrCat(
      "--resume: ", text,
      ": its last line is none that `tcptoolctl events` prints; give the file "
      "that it has printed into, or another name for a new one"));
}

absl::Status DropCutLine(const std::string& text, int output) {
  if (IsRevision(text) || !AppendsTo(text, output)) return absl::OkStatus();
  std::ifstream file(text, std::ios::binary);
  const int64_t end = LastWholeLine(file).end;
  file.clear();
  file.seekg(0, std::ios::end);
  const auto size = static_cast<int64_t>(file.tellg());
  // Of a file without a whole line it is not known whose it is.
  if (end == 0 || size <= end || ftruncate(output, end) == 0) {
    return absl::OkStatus();
  }
  return absl::UnknownError(
      absl::StrCat("--resume: ", text, ": its last line is cut off, and ",
                   "cannot be taken away: ", std::strerror(errno)));
}

}  // namespace tcptool
