// What there is to know of one thing, a line each.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_LABELLED_LINES_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_LABELLED_LINES_H_

#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "messages/time.h"
#include "text/characters.h"

namespace tcptool {

// "2026-01-31T12:00:00Z"
inline std::string TimeText(const google::protobuf::Timestamp& time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", ToTime(time),
                          absl::UTCTimeZone());
}

// Lines of "label: value", the values aligned and printable.
class LabelledLines {
 public:
  void Add(absl::string_view label, absl::string_view value) {
    absl::StrAppendFormat(&text_, "%-16s%s\n", absl::StrCat(label, ":"),
                          Printable(value));
  }
  void AddTime(absl::string_view label,
               const google::protobuf::Timestamp& time) {
    Add(label, TimeText(time));
  }
  std::string Take() && { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_LABELLED_LINES_H_
