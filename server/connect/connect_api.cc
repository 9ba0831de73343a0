#include "server/connect/connect_api.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/api/grpc_status.h"
#include "server/connect/call_headers.h"
#include "server/security/control_tls.h"

namespace tcptool::server {
namespace {

constexpr char kContentTypes[] = "application/json, application/proto";
constexpr char kStreamContentTypes[] =
    "application/connect+json, application/connect+proto";

// Empty: there is none.
std::string Authorization(const HttpRequest& request) {
  const std::string* const value = request.Header("authorization");
  return value == nullptr ? "" : *value;
}

// As gRPC wants metadata to be.
bool IsPrintable(absl::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return absl::ascii_isprint(static_cast<unsigned char>(c));
  });
}

// Of a call whose method wants messages in the other way.
HttpResponse WrongContentType(const char* accepted, Origins::Headers headers) {
  headers.emplace_back("Accept-Post", accepted);
  return {.status = 415,
          .body = absl::StrCat(
              "The Content-Type of this method is one of: ", accepted, "\n"),
          .headers = std::move(headers)};
}

}  // namespace

absl::StatusOr<std::unique_ptr<ConnectApi>> ConnectApi::Create(
    const Options& options, const SecurityOptions& security,
    ControlServer& control) {
  auto api = absl::WrapUnique(new ConnectApi(options, control));
  if (security.tls_cert.empty()) return api;
  auto tls = LoadControlTls(security, TlsProtocol::kHttp1);
  if (!tls.ok()) return tls.status();
  api->tls_ = *std::move(tls);
  api->reloader_ = std::make_unique<CredentialReloader>(
      [tls = api->tls_] { tls->ReloadIfChanged(); });
  return api;
}

ConnectApi::ConnectApi(const Options& options, ControlServer& control)
    : options_(options),
      hosts_(options.hosts),
      origins_(options.origins),
      dispatcher_(control.dispatcher()),
      stub_(control.InProcessChannel()),
      backend_{.stub = stub_,
               .callers = dispatcher_.vouched_peers(),
               .parser = parser_,
               .stopped = stopped_,
               .running = running_} {
  const MethodTable& table = dispatcher_.methods();
  for (const auto* service : table.services()) {
    prefixes_.insert(absl::StrCat("/", service->file()->package(), "."));
    for (int i = 0; i < service->method_count(); ++i) {
      const auto& method = *service->method(i);
      const std::string path =
          absl::StrCat("/", service->full_name(), "/", method.name());
      const MethodTable::Method* const served = table.Find(path);
      if (served == nullptr) continue;
      methods_.try_emplace(
          path, Method{.descriptor = method, .required = served->required});
    }
  }
}

ConnectApi::~ConnectApi() {
  parser_.stop();
  parser_.join();
  // Their connections have been closed, so that they end. See
  // InProcessCall::OnDone().
  running_.WaitForAll();
}

// gRPC 1.51 calls a null pointer if a call begins on a channel within the
// process whose server has been shut down.
void ConnectApi::Stop() {
  stopped_ = true;
  // Whatever has not seen that has been done then.
  absl::Notification seen;
  asio::post(parser_, [&seen] { seen.Notify(); });
  seen.WaitForNotification();
}

bool ConnectApi::Has(absl::string_view path) const {
  return std::ranges::any_of(prefixes_, [path](const std::string& prefix) {
    return absl::StartsWith(path, prefix);
  });
}

std::optional<HttpResponse> ConnectApi::RefuseRequest(
    const HttpRequest& request, bool is_secured) const {
  if (tls_ != nullptr && !is_secured) {
    return HttpResponse{
        .status = 403,
        .body = "The API is served over TLS here: use https://.\n"};
  }
  if (!hosts_.Allows(request.host)) {
    return HttpResponse{
        .status = 421,
        .body =
            "The Host header names neither this node nor an address. If it is "
            "a name of this service, start tcptoold with --http-host=NAME.\n"};
  }
  if (!origins_.Allows(request)) {
    return HttpResponse{
        .status = 403,
        .body =
            "Pages of this origin may not call the API. If they are to, start "
            "tcptoold with --http-api-origin=ORIGIN.\n",
        .headers = origins_.HeadersFor(request)};
  }
  if (request.method == "OPTIONS" && request.Header("origin") != nullptr) {
    return origins_.Preflight(request);
  }
  if (request.method != "POST") {
    return HttpResponse{.status = 405,
                        .body = "Methods of the API are called by POST.\n",
                        .headers = {{"Allow", "POST"}}};
  }
  return std::nullopt;
}

absl::Status ConnectApi::Admit(const HttpRequest& request, const Peer& peer) {
  const std::string authorization = Authorization(request);
  Auth::Metadata metadata;
  if (!authorization.empty()) {
    metadata.emplace("authorization", authorization);
  }
  const absl::StatusOr<Caller> caller =
      dispatcher_.Admit(request.path, metadata, peer);
  if (!caller.ok()) return caller.status();
  if (IsPrintable(authorization)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the Authorization has characters that are not printable ASCII");
}

HttpApi::Opened ConnectApi::Open(const HttpRequest& request, const Peer& peer,
                                 bool is_secured, Send send) {
  if (auto refusal = RefuseRequest(request, is_secured)) {
    return *std::move(refusal);
  }
  Origins::Headers headers = origins_.HeadersFor(request);
  const std::string* const content_type = request.Header("content-type");
  const std::optional<Codec> codec =
      CodecOf(content_type == nullptr ? "" : *content_type);
  const auto refuse = [&](const absl::Status& status) {
    return ErrorResponse(codec.value_or(Codec()), ToGrpc(status), headers);
  };
  // Before strangers learn which methods there are.
  if (absl::Status status = Admit(request, peer); !status.ok()) {
    return refuse(status);
  }
  const auto found = methods_.find(request.path);
  if (found == methods_.end()) {
    return refuse(absl::UnimplementedError(
        "there is no such method; is the service older than its client?"));
  }
  const auto& [method, required] = found->second;
  const bool is_stream = method.client_streaming() || method.server_streaming();
  if (!codec || codec->is_stream != is_stream) {
    return WrongContentType(is_stream ? kStreamContentTypes : kContentTypes,
                            std::move(headers));
  }
  if (method.client_streaming()) {
    return refuse(absl::UnimplementedError(
        "methods that take a stream are not served over HTTP; use gRPC"));
  }
  const absl::StatusOr<CallHeaders> call = ParseCallHeaders(request, *codec);
  if (!call.ok()) return refuse(call.status());
  return std::make_shared<ConnectCall>(
      ConnectCall::Options{.method = method,
                           .required = required,
                           .codec = *codec,
                           .peer = peer,
                           .request = {.path = request.path,
                                       .authorization = Authorization(request),
                                       .timeout = call->timeout},
                           .headers = std::move(headers)},
      backend_, std::move(send));
}

}  // namespace tcptool::server
