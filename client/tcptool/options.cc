#include "client/tcptool/options.h"

#include <getopt.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/tcptool/usage.h"
#include "version.h"

namespace tcptool::client {
namespace {

constexpr uint32_t kDefaultMaxClients = 10'000;
constexpr size_t kMaxHostPort = 1024;

enum LongOption : int {
  kHelpOption = 256,
  kVersionOption,
  kListenOption,
  kRateOption,
  kWaitOption,
  kSyncOption,
  kStallTimeoutOption,
  kSha256Option,
  kConfirmTimeoutOption,
  kDeadTimeoutOption,
  kMaxLagOption,
  kSparseOption,
  kDiscardOption,
  kForceOption,
  kTlsOption,
  kTlsCaOption,
  kTlsCertOption,
  kTlsKeyOption,
  kTlsNameOption,
  kTlsClientCaOption,
};

constexpr option kLongOptions[] = {
    {"help", no_argument, nullptr, kHelpOption},
    {"version", no_argument, nullptr, kVersionOption},
    {"listen", required_argument, nullptr, kListenOption},
    {"rate", required_argument, nullptr, kRateOption},
    {"wait", required_argument, nullptr, kWaitOption},
    {"sync", no_argument, nullptr, kSyncOption},
    {"stall-timeout", required_argument, nullptr, kStallTimeoutOption},
    {"sha256", no_argument, nullptr, kSha256Option},
    {"confirm-timeout", required_argument, nullptr, kConfirmTimeoutOption},
    {"dead-timeout", required_argument, nullptr, kDeadTimeoutOption},
    {"max-lag", required_argument, nullptr, kMaxLagOption},
    {"sparse", no_argument, nullptr, kSparseOption},
    {"discard", no_argument, nullptr, kDiscardOption},
    {"force", no_argument, nullptr, kForceOption},
    {"tls", no_argument, nullptr, kTlsOption},
    {"tls-ca", required_argument, nullptr, kTlsCaOption},
    {"tls-cert", required_argument, nullptr, kTlsCertOption},
    {"tls-key", required_argument, nullptr, kTlsKeyOption},
    {"tls-name", required_argument, nullptr, kTlsNameOption},
    {"tls-client-ca", required_argument, nullptr, kTlsClientCaOption},
    {nullptr, 0, nullptr, 0},
};

constexpr char kMaxClientsVariable[] = "TCPTOOL_MAX_CLIENTS";

bool IsNumber(absl::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Takes the options one by one. The first error ends it.
class Parser {
 public:
  explicit Parser(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  bool TakeEnvironment() {
    const char* text = std::getenv(kMaxClientsVariable);
    if (text == nullptr) return true;
    if (IsNumber(text) && absl::SimpleAtoi(text, &max_clients_) &&
        max_clients_ > 0) {
      return true;
    }
    return Error(absl::StrCat("Illegal value of ", kMaxClientsVariable, ": '",
                              text, "'! Give a number from 1."));
  }

  bool Take(int option, const std::string& value) {
    switch (option) {
      case 's':
        is_sender_ = true;
        return TakePort(value);
      case 'c':
        return TakeClients(value);
      case 'a':
        return TakeRule(value);
      case 'r':
        return TakeHost(value);
      case 't':
        recipient_.start = true;
        return true;
      case 'd':
        return true;  // Taken before.
      case kListenOption:
        return TakeListen(value);
      case kRateOption:
        return TakeBytes("rate", "bytes a second", value,
                         sender_.limits.session_bytes_per_second);
      case kMaxLagOption:
        return TakeBytes("lag", "bytes", value, sender_.limits.max_lag_bytes);
      case kConfirmTimeoutOption:
        return TakeDuration("confirm-timeout", value,
                            sender_.limits.confirm_timeout);
      case kDeadTimeoutOption:
        return TakeDuration("dead-timeout", value,
                            sender_.limits.dead_timeout) &&
               TakeDuration("dead-timeout", value, recipient_.dead_timeout);
      case kWaitOption:
        return TakeDuration("wait", value, recipient_.wait);
      case kSyncOption:
        recipient_.output.sync = true;
        return true;
      case kSparseOption:
        recipient_.output.sparse = true;
        return true;
      case kDiscardOption:
        recipient_.output.discard = true;
        return true;
      case kForceOption:
        recipient_.output.force = true;
        return true;
      case kSha256Option:
        sender_.sha256 = recipient_.sha256 = true;
        return true;
      case kStallTimeoutOption:
        return TakeDuration("stall-timeout", value,
                            sender_.limits.stall_timeout) &&
               TakeDuration("stall-timeout", value, recipient_.stall_timeout);
      case kTlsOption:
        tls_.tls = true;
        return true;
      case kTlsCaOption:
        return TakeText("tls-ca", value, tls_.ca);
      case kTlsCertOption:
        return TakeText("tls-cert", value, tls_.certificate);
      case kTlsKeyOption:
        return TakeText("tls-key", value, tls_.key);
      case kTlsNameOption:
        return TakeText("tls-name", value, tls_.name);
      case kTlsClientCaOption:
        return TakeText("tls-client-ca", value, tls_.client_ca);
      default:
        return false;
    }
  }

  bool TakeFile(const std::string& name) {
    // A script's variable that is not set. Its content must not go to standard
    // output, nor count as received.
    if (name.empty()) {
      return Error(
          "Illegal file name ''! Leave it out for standard input or output.");
    }
    if (file_) {
      Error(absl::StrCat("Too many file names '", name, "'!"));
      return Error(absl::StrCat("Old file name: '", *file_, "'."));
    }
    file_ = name;
    return true;
  }

  bool Error(const std::string& text) {
    diagnostics_.Say(Level::kError, text);
    return false;
  }

  std::variant<SenderOptions, RecipientOptions, int> Result() {
    if (is_sender_ == is_recipient_) {
      Error(is_sender_ ? "Both -s and -r were given, choose one of them!"
                       : "No sender/recipient mode was choosen!");
      return 1;
    }
    const absl::Status tls =
        is_sender_ ? CheckSenderTls(tls_) : CheckRecipientTls(tls_);
    if (!tls.ok()) {
      Error(std::string(tls.message()));
      return 1;
    }
    sender_.tls = recipient_.tls = tls_;
    sender_.file = recipient_.output.path = file_.value_or("");
    sender_.max_connections = max_clients_;
    if (is_sender_) return std::move(sender_);
    return std::move(recipient_);
  }

 private:
  bool TakePort(const std::string& text) {
    uint32_t port = 0;
    if (text.empty()) return Error("Missing port number!");
    if (!IsNumber(text) || !absl::SimpleAtoi(text, &port) || port == 0 ||
        port > 65535) {
      return Error(absl::StrCat("Illegal port number: ", text, "!"));
    }
    sender_.port = static_cast<uint16_t>(port);
    return true;
  }

  bool TakeClients(const std::string& text) {
    uint32_t clients = 0;
    if (text == "unlimited") {
      sender_.max_clients = 0;
      return true;
    }
    if (!IsNumber(text)) {
      return Error(absl::StrCat("Illegal number of clients: ", text, "!"));
    }
    if (!absl::SimpleAtoi(text, &clients) || clients > max_clients_) {
      clients = max_clients_;
      diagnostics_.Say(
          Level::kWarning,
          absl::StrCat("Number of clients reduced to '", clients, "'!"));
    }
    sender_.max_clients = clients;
    return true;
  }

  bool TakeRule(const std::string& text) {
    if (text.empty()) return Error("Missing IP/mask!");
    if (sender_.allow.size() >= max_clients_) {
      return Error("Too many access rules!");
    }
    if (!sender_.allow.Add(text).ok()) {
      return Error(absl::StrCat("Invalid IP/mask '", text, "'!"));
    }
    return true;
  }

  bool TakeHost(const std::string& text) {
    if (is_recipient_) return Error("Multiple hosts specified!");
    is_recipient_ = true;
    if (text.empty()) return Error("Missing host name!");
    if (text.size() > kMaxHostPort) {
      return Error(absl::StrCat("Host:port '", text, "' too long!"));
    }
    const size_t colon = text.rfind(':');
    uint32_t port = 0;
    std::string host = text.substr(0, colon);
    const bool in_brackets =
        host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (in_brackets) host = host.substr(1, host.size() - 2);
    if (colon == std::string::npos ||
        (!in_brackets && host.find(':') != std::string::npos) ||
        !IsNumber(text.substr(colon + 1)) ||
        !absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 ||
        port > 65535) {
      return Error(absl::StrCat("Illegal host:port combination '", text, "'!"));
    }
    if (host.empty()) return Error("Missing host name!");
    recipient_.host = host;
    recipient_.port = absl::StrCat(port);
    return true;
  }

  bool TakeListen(const std::string& text) {
    std::error_code error;
    sender_.listen = asio::ip::make_address(text, error);
    return !error || Error(absl::StrCat("Illegal listen address '", text,
                                        "'! Give an IP address of this host."));
  }

  bool TakeBytes(absl::string_view what, absl::string_view unit,
                 const std::string& text, uint64_t& bytes) {
    if (IsNumber(text) && absl::SimpleAtoi(text, &bytes)) return true;
    return Error(
        absl::StrCat("Illegal ", what, ": ", text, "! Give it in ", unit, "."));
  }

  bool TakeDuration(absl::string_view name, const std::string& text,
                    absl::Duration& duration) {
    if (absl::ParseDuration(text, &duration) &&
        duration > absl::ZeroDuration()) {
      return true;
    }
    return Error(absl::StrCat("Illegal duration '", text, "' of --", name,
                              "! Write it as 500ms, 10s, 5m or 1h."));
  }

  // A script's variable that is not set must not mean the default.
  bool TakeText(absl::string_view name, const std::string& text,
                std::string& value) {
    value = text;
    return !text.empty() ||
           Error(absl::StrCat("Illegal value '' of --", name,
                              "! Give it, or leave the option out."));
  }

  Diagnostics& diagnostics_;
  uint32_t max_clients_ = kDefaultMaxClients;
  bool is_sender_ = false;
  bool is_recipient_ = false;
  SenderOptions sender_;
  RecipientOptions recipient_;
  TlsOptions tls_;
  std::optional<std::string> file_;
};

struct Argument {
  int option;  // 1: a file name, '?' or ':' an error.
  std::string value;
};

std::string IllegalOption(int argc, char** argv) {
  // The word with the offending option in it.
  const int word =
      std::min(optind > 1 && optopt > 255 ? optind - 1 : optind, argc);
  if (optopt != 0 && optopt < 256) {
    return std::string{'-', static_cast<char>(optopt)};
  }
  return argv[std::max(1, word - (optopt == 0 ? 1 : 0))];
}

std::string MissingValue(int option, const std::string& name) {
  switch (option) {
    case 's':
      return "Missing port number!";
    case 'r':
      return "Missing host name!";
    case 'a':
      return "Missing IP/mask!";
    default:
      return absl::StrCat("Option ", name, " needs a value!");
  }
}

}  // namespace

std::variant<SenderOptions, RecipientOptions, int> ParseTcptoolOptions(
    int argc, char** argv, Diagnostics& diagnostics) {
  std::vector<Argument> arguments;
  opterr = 0;
  // "-": file names are taken where they stand; ":": a missing value is told
  // from an option that does not exist.
  int option;
  while ((option = getopt_long(argc, argv, "-:s:c:a:r:td:", kLongOptions,
                               nullptr)) != -1) {
    if (option == '?') {
      arguments.push_back({option, IllegalOption(argc, argv)});
    } else if (option == ':') {
      arguments.push_back(
          {option, MissingValue(optopt, argv[std::max(1, optind - 1)])});
    } else {
      arguments.push_back({option, optarg == nullptr ? "" : optarg});
    }
    if (option == 'd') {
      if (const auto level = ParseLevel(optarg)) diagnostics.set_level(*level);
    }
  }
  for (int i = optind; i < argc; ++i) arguments.push_back({1, argv[i]});

  for (const auto& [kind, value] : arguments) {
    if (kind == kHelpOption) {
      std::cout << kUsage;
      return 0;
    }
    if (kind == kVersionOption) {
      std::cout << "tcptool " << kVersion << "\n";
      return 0;
    }
  }
  Parser parser(diagnostics);
  if (!parser.TakeEnvironment()) return 1;
  for (const auto& [kind, value] : arguments) {
    bool taken = true;
    if (kind == 1) {
      taken = parser.TakeFile(value);
    } else if (kind == '?') {
      taken = parser.Error(absl::StrCat("Illegal option '", value, "'!"));
    } else if (kind == ':') {
      taken = parser.Error(value);
    } else if (kind == 'd' && !ParseLevel(value)) {
      taken = parser.Error(absl::StrCat("Illegal debug level '", value, "'!"));
    } else {
      taken = parser.Take(kind, value);
    }
    if (!taken) return 1;
  }
  return parser.Result();
}

}  // namespace tcptool::client
