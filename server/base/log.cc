#include "server/base/log.h"

#include <grpc/support/log.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace tcptool::server {
namespace {

bool g_json = false;  // Set before there are threads.

// How many bytes at the start of `text` are one character of UTF-8, as RFC 3629
// has it: neither overlong nor a surrogate. 0: none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong =
      (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool not_unicode =
      (first == 0xED && byte(1) > 0x9F) || (first == 0xF4 && byte(1) > 0x8F);
  return overlong || not_unicode ? 0 : length;
}

// Whether a line of text can have it without quotes.
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

void Write(spdlog::level::level_enum level, absl::string_view event,
           LogFields fields) {
  if (!spdlog::should_log(level)) return;
  const std::string line =
      g_json ? JsonLine(event, fields) : TextLine(event, fields);
  spdlog::default_logger_raw()->log(level, spdlog::string_view_t(line));
}

// Its errors are mostly what peers do, such as a failed handshake.
void WriteForGrpc(gpr_log_func_args* args) {
  Write(args->severity == GPR_LOG_SEVERITY_ERROR ? spdlog::level::warn
                                                 : spdlog::level::debug,
        "grpc", {{"message", args->message}});
}

}  // namespace

void SetUpLog(const LogOptions& options) {
  g_json = options.json;
  spdlog::set_default_logger(spdlog::stderr_logger_mt("tcptoold"));
  spdlog::set_pattern(
      g_json ? R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})"
             : "%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_level(options.level);
  gpr_set_log_function(&WriteForGrpc);
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
    const size_t length = Utf8Length(text);
    const char c = text.front();
    if (length == 0) {
      json += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      json += absl::StrFormat("\\u%04x", c);
    } else {
      absl::StrAppend(&json, text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return json + "\"";
}

}  // namespace tcptool::server
