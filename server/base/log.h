// The service's log, on stderr: one line for each event, as text or as JSON.
#ifndef TCPTOOL_SERVER_BASE_LOG_H_
#define TCPTOOL_SERVER_BASE_LOG_H_

#include <concepts>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "spdlog/common.h"

namespace tcptool::server {

struct LogOptions {
  bool json = false;
  spdlog::level::level_enum level = spdlog::level::info;
};

// A name and a value. The value may come from a peer: it is escaped. It must
// not be a secret. Holds a reference to the text, so it must not outlive the
// call that it is created for.
class LogField {
 public:
  LogField(absl::string_view name, absl::string_view text)
      : name_(name), text_(text), is_number_(false) {}
  template <std::integral Number>
  LogField(absl::string_view name, Number number)
      : name_(name), number_(absl::StrCat(number)), is_number_(true) {}

  absl::string_view name() const { return name_; }
  absl::string_view text() const { return is_number_ ? number_ : text_; }
  bool is_number() const { return is_number_; }

 private:
  const absl::string_view name_;
  const absl::string_view text_;
  const std::string number_;
  const bool is_number_;
};

// Call it before the first event, and before there are other threads. gRPC's
// own messages become events too. A thread of the log writes the lines, so that
// a stderr that nobody reads blocks no other thread: lines that do not fit into
// 1 MiB of memory are dropped, and the event "log_lines_dropped" has their
// number.
void SetUpLog(const LogOptions& options);

// Call it at the end of the process: waits until the lines are written, or
// gives up if nobody reads them.
void FlushLog();

// Events have a name of their own, in snake_case; names of fields are the
// API's: session, recipient, state, reason. Any thread.
using LogFields = absl::Span<const LogField>;
void LogDebug(absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view event, LogFields fields = {});
void LogError(absl::string_view event, LogFields fields = {});

// `text` as a string of JSON, with its quotes: RFC 8259, section 7. Characters
// that could steer a terminal or reorder the line (IsUnsafe()) are escaped;
// bytes that are no UTF-8 become U+FFFD.
std::string JsonString(absl::string_view text);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_BASE_LOG_H_
