#include "client/api/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/api/read_file.h"

namespace tcptool {
namespace {

// The Delete methods are not among them: if only its answer was lost, trying
// again would answer NOT_FOUND. Nor is UpdateSession, whose etag its first try
// may have changed. Nor are those that upload: their stream's end fails the
// session, or the distribution. A watch is tried again until its
// first message, by gRPC; after that by Client::WatchSessions().
constexpr char kServiceConfig[] = R"({
  "methodConfig": [{
    "name": [
      {"service": "tcptool.v1.DistributionService",
       "method": "CreateDistribution"},
      {"service": "tcptool.v1.DistributionService",
       "method": "GetDistribution"},
      {"service": "tcptool.v1.DistributionService",
       "method": "ListDistributions"},
      {"service": "tcptool.v1.DistributionService",
       "method": "WatchDistributions"},
      {"service": "tcptool.v1.DistributionService",
       "method": "CancelDistribution"},
      {"service": "tcptool.v1.DistributionService",
       "method": "RetryDistribution"},
      {"service": "tcptool.v1.DistributionService", "method": "GetDelivery"},
      {"service": "tcptool.v1.DistributionService", "method": "ListDeliveries"},
      {"service": "tcptool.v1.DistributionService", "method": "GetFleetNode"},
      {"service": "tcptool.v1.DistributionService", "method": "ListNodes"},
      {"service": "tcptool.v1.FileService"},
      {"service": "tcptool.v1.NodeService"},
      {"service": "tcptool.v1.ReceptionService", "method": "CreateReception"},
      {"service": "tcptool.v1.ReceptionService", "method": "GetReception"},
      {"service": "tcptool.v1.ReceptionService", "method": "ListReceptions"},
      {"service": "tcptool.v1.ReceptionService", "method": "WatchReceptions"},
      {"service": "tcptool.v1.ReceptionService", "method": "CancelReception"},
      {"service": "tcptool.v1.SessionService", "method": "CreateSession"},
      {"service": "tcptool.v1.SessionService", "method": "GetSession"},
      {"service": "tcptool.v1.SessionService", "method": "ListSessions"},
      {"service": "tcptool.v1.SessionService", "method": "WatchSessions"},
      {"service": "tcptool.v1.SessionService", "method": "WaitSession"},
      {"service": "tcptool.v1.SessionService", "method": "StartSession"},
      {"service": "tcptool.v1.SessionService", "method": "CancelSession"},
      {"service": "tcptool.v1.SessionService", "method": "RetrySession"},
      {"service": "tcptool.v1.SessionService", "method": "GetRecipient"},
      {"service": "tcptool.v1.SessionService", "method": "ListRecipients"},
      {"service": "tcptool.v1.SessionService", "method": "DropRecipient"}
    ],
    "retryPolicy": {
      "maxAttempts": 5,
      "initialBackoff": "0.1s",
      "maxBackoff": "2s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
})";

// gRPC's default, 1 s, exceeds most of the retry policy's pauses.
constexpr int kFirstReconnectMillis = 100;

// HTTP/2 keepalive during a call: a ping after this long without data from the
// service; if it is not answered in the same time, the connection is closed.
constexpr int kKeepaliveMillis = 10'000;

// Leaves `content` as it is if `path` is empty.
absl::Status ReadIfNamed(const std::string& path, std::string& content) {
  if (path.empty()) return absl::OkStatus();
  absl::StatusOr<std::string> read = ReadFile(path);
  if (!read.ok()) return read.status();
  content = *std::move(read);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> Credentials(
    const ChannelOptions& options) {
  if (!options.wants_tls()) return grpc::InsecureChannelCredentials();
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return absl::InvalidArgumentError(
        "a certificate and its key go together: give both or none");
  }
  grpc::SslCredentialsOptions ssl;
  for (const absl::Status& read :
       {ReadIfNamed(options.tls_ca, ssl.pem_root_certs),
        ReadIfNamed(options.tls_cert, ssl.pem_cert_chain),
        ReadIfNamed(options.tls_key, ssl.pem_private_key)}) {
    if (!read.ok()) return read;
  }
  return grpc::SslCredentials(ssl);
}

// Whether the connection stays on this host, where clear text cannot be
// intercepted.
bool IsOfThisHost(const std::string& server) {
  const std::string host = server.substr(0, server.rfind(':'));
  in_addr address{};
  const bool is_loopback =
      inet_pton(AF_INET, host.c_str(), &address) == 1 &&
      ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET;
  return is_loopback || host == "[::1]" || host == "localhost" ||
         absl::StartsWith(server, "unix:");
}

// Of the unit's RuntimeDirectory.
constexpr char kPackagedSocket[] = "/run/tcptoold/control.sock";

}  // namespace

std::string LocalServer() {
  struct stat status {};
  if (stat(kPackagedSocket, &status) == 0 && S_ISSOCK(status.st_mode)) {
    return absl::StrCat("unix:", kPackagedSocket);
  }
  return "127.0.0.1:9875";
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> NewChannel(
    const ChannelOptions& options) {
  const auto credentials = Credentials(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveMillis);
  // By default gRPC sends only two pings without data; a watch may be quiet for
  // hours.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // $http_proxy is for web pages. The proxy that it names rarely knows a way to
  // the control API, which is on a management network or on this host.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return grpc::CreateCustomChannel(options.server, *credentials, arguments);
}

absl::StatusOr<std::string> ReadToken(const std::string& path,
                                      const ChannelOptions& options) {
  if (!options.wants_tls() && !IsOfThisHost(options.server)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the token would go to ", options.server,
                     " in clear text; use TLS, or a service on this host"));
  }
  const absl::StatusOr<std::string> content = ReadFile(path);
  if (!content.ok()) return content.status();
  const absl::string_view token = absl::StripAsciiWhitespace(*content);
  // What a header may hold (RFC 6750, 2.1): visible ASCII.
  for (const char c : token) {
    if (!absl::ascii_isgraph(c)) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": holds more than one token"));
    }
  }
  if (token.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": holds no token"));
  }
  return std::string(token);
}

}  // namespace tcptool
