#include "server/base/log.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "server/base/event_limit.h"
#include "spdlog/sinks/base_sink.h"
#include "spdlog/spdlog.h"
#include "text/characters.h"
#include "text/line_writer.h"

namespace tcptool::server {
namespace {

bool g_json = false;  // Constant once there are threads.

// "\u202e"; beyond U+FFFF the two surrogates of UTF-16 (RFC 8259, section 7).
void AppendEscape(int32_t code_point, std::string& json) {
  if (code_point > 0xFFFF) {
    const int32_t rest = code_point - 0x10000;
    absl::StrAppendFormat(&json, "\\u%04x\\u%04x", 0xD800 + (rest >> 10),
                          0xDC00 + (rest & 0x3FF));
  } else {
    absl::StrAppendFormat(&json, "\\u%04x", code_point);
  }
}

// Whether a value can be written without quotes in a line of text.
bool IsPlain(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' &&
           c != '\\';
  });
}

std::string JsonLine(absl::string_view event, LogFields fields) {
  std::string line = absl::StrCat("\"event\":", JsonString(event));
  for (const LogField& field : fields) {
    absl::StrAppend(&line, ",", JsonString(field.name()), ":");
    absl::StrAppend(&line, field.is_number() ? std::string(field.text())
                                             : JsonString(field.text()));
  }
  return line;
}

std::string TextLine(absl::string_view event, LogFields fields) {
  std::string line(event);
  for (const LogField& field : fields) {
    absl::StrAppend(&line, " ", field.name(), "=");
    absl::StrAppend(&line, IsPlain(field.text()) ? std::string(field.text())
                                                 : JsonString(field.text()));
  }
  return line;
}

std::string Line(absl::string_view event, LogFields fields) {
  return g_json ? JsonLine(event, fields) : TextLine(event, fields);
}

void Write(spdlog::level::level_enum level, absl::string_view event,
           LogFields fields) {
  if (!spdlog::should_log(level)) return;
  const std::string line = Line(event, fields);
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(line));
}

// What a library calls an error, and is mostly something that a peer does, as
// often as that one does it. On any thread.
class PeersFaults {
 public:
  explicit PeersFaults(absl::string_view event) : event_(event) {}

  void Add(absl::string_view message) {
    uint64_t untold = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (!limit_.Allows()) return;
      untold = limit_.TakeUntold();
    }
    Write(spdlog::level::warn, event_,
          {{"message", message}, {"untold_before", untold}});
  }

 private:
  const absl::string_view event_;
  absl::Mutex mutex_;
  EventLimit limit_ ABSL_GUARDED_BY(mutex_);
};

// Such as a failed handshake.
void WriteForGrpc(gpr_log_func_args* args) {
  if (args->severity != GPR_LOG_SEVERITY_ERROR) {
    return Write(spdlog::level::debug, "grpc", {{"message", args->message}});
  }
  static PeersFaults& faults = *new PeersFaults("grpc");
  faults.Add(args->message);
}

// Such as a string that is no UTF-8. By default Protobuf writes to the error
// output itself, and waits for who reads that.
void WriteForProtobuf(google::protobuf::LogLevel /*level*/,
                      const char* /*file*/, int /*line*/,
                      const std::string& message) {
  static PeersFaults& faults = *new PeersFaults("protobuf");
  faults.Add(message);
}

// Passes the lines that spdlog has formatted to a LineWriter.
class LineSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void WaitUntilWritten() { writer_.Flush(); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_.Write(Format(message));
  }
  void flush_() override {}

 private:
  std::string Format(const spdlog::details::log_msg& message) {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    return {line.data(), line.size()};
  }

  std::string Dropped(uint64_t count) {
    const std::string line = Line("log_lines_dropped", {{"count", count}});
    const std::lock_guard lock(mutex_);
    return Format(spdlog::details::log_msg("tcptoold", spdlog::level::warn,
                                           spdlog::string_view_t(line)));
  }

  LineWriter writer_{STDERR_FILENO,
                     [this](uint64_t count) { return Dropped(count); }};
};

// Never destroyed: other threads may log until the process has ended.
std::shared_ptr<LineSink>* g_sink = nullptr;

}  // namespace

void SetUpLog(const LogOptions& options) {
  g_json = options.json;
  g_sink = new std::shared_ptr<LineSink>(std::make_shared<LineSink>());
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("tcptoold", *g_sink));
  spdlog::set_pattern(
      g_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
             : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_level(options.level);
  gpr_set_log_function(&WriteForGrpc);
  google::protobuf::SetLogHandler(&WriteForProtobuf);
}

void FlushLog() {
  if (g_sink != nullptr) (*g_sink)->WaitUntilWritten();
}

void LogDebug(absl::string_view event, LogFields fields) {
  Write(spdlog::level::debug, event, fields);
}

void LogInfo(absl::string_view event, LogFields fields) {
  Write(spdlog::level::info, event, fields);
}

void LogWarning(absl::string_view event, LogFields fields) {
  Write(spdlog::level::warn, event, fields);
}

void LogError(absl::string_view event, LogFields fields) {
  Write(spdlog::level::err, event, fields);
}

std::string JsonString(absl::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const Character character = FirstCharacter(text);
    if (character.code_point < 0) {
      json += "\\ufffd";
    } else if (character.code_point == '"' || character.code_point == '\\') {
      json += {'\\', text.front()};
    } else if (IsUnsafe(character)) {
      AppendEscape(character.code_point, json);
    } else {
      absl::StrAppend(&json, text.substr(0, character.bytes));
    }
    text.remove_prefix(character.bytes);
  }
  return json + "\"";
}

}  // namespace tcptool::server
