// The control API over HTTP, by the Connect protocol
// (connectrpc.com/docs/protocol).
#ifndef TCPTOOL_SERVER_CONNECT_CONNECT_API_H_
#define TCPTOOL_SERVER_CONNECT_CONNECT_API_H_

#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>

#include <asio/thread_pool.hpp>
#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/connect/codec.h"
#include "server/connect/connect_call.h"
#include "server/connect/origins.h"
#include "server/http/allowed_hosts.h"
#include "server/http/http_api.h"
#include "server/rpc/control_server.h"
#include "server/security/credential_reloader.h"
#include "server/security/role.h"
#include "server/security/security_options.h"
#include "server/security/tls.h"

namespace tcptool::server {

// The unary and server-streaming methods of the control port, health checks
// included, by POST. Each call becomes one of gRPC's within the process, made
// for the caller: with the token that was sent and the certificate that was
// shown over HTTP. So who may call what, the audit log, and the errors are
// those of the control port.
class ConnectApi : public HttpApi {
 public:
  struct Options {
    std::vector<std::string> origins;  // Of pages that may call from a browser.
    std::vector<std::string> hosts;    // See AllowedHosts.
    size_t max_message_bytes = 0;      // Of a request.
  };

  // `control` outlives it. With TLS in `security`, callers must speak TLS here
  // too. INVALID_ARGUMENT as TlsContext::Load().
  static absl::StatusOr<std::unique_ptr<ConnectApi>> Create(
      const Options& options, const SecurityOptions& security,
      ControlServer& control);
  ~ConnectApi() override;

  // To be called before `control` stops: calls that come later, or whose
  // requests have not been parsed, are answered with UNAVAILABLE. When this
  // returns, no call begins any more; those that go on end with `control`.
  void Stop();

  // Null: clear text.
  const TlsContext* tls() const { return tls_.get(); }

  bool Has(absl::string_view path) const override;
  Opened Open(const HttpRequest& request, const Peer& peer, bool is_secured,
              Send send) override;
  size_t max_body_bytes() const override { return options_.max_message_bytes; }

 private:
  struct Method {
    const google::protobuf::MethodDescriptor& descriptor;
    Role required;
  };

  ConnectApi(const Options& options, ControlServer& control);

  // The answer to what is no call, or comes from where none may come from.
  std::optional<HttpResponse> RefuseRequest(const HttpRequest& request,
                                            bool is_secured) const;
  // UNAUTHENTICATED or PERMISSION_DENIED: there is no such call for this
  // caller. INVALID_ARGUMENT: gRPC cannot be given the token.
  absl::Status Admit(const HttpRequest& request, const Peer& peer);

  const Options options_;
  const AllowedHosts hosts_;
  const Origins origins_;
  Dispatcher& dispatcher_;
  std::shared_ptr<TlsContext> tls_;
  std::unique_ptr<CredentialReloader> reloader_;      // Of tls_.
  std::set<std::string> prefixes_;                    // "/tcptool.v1."
  absl::flat_hash_map<std::string, Method> methods_;  // By path.
  grpc::GenericStub stub_;
  asio::thread_pool parser_{1};  // What it is given is done in that order.
  std::atomic<bool> stopped_ = false;
  RunningCalls running_;
  const ConnectBackend backend_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_CONNECT_CONNECT_API_H_
