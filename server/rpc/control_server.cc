#include "server/rpc/control_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>

#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "server/rpc/control_address.h"
#include "server/security/auth.h"
#include "server/security/tls.h"

namespace tcptool::server {
namespace {

// An upload's message in one frame of HTTP/2; its default, 16 KiB, costs 6 % of
// an upload's speed.
constexpr int kMaxFrameBytes = 1 << 20;

// What gRPC takes of an upload before it is asked for. By itself it takes what
// the connection may have under way, which on a fast one is so much that all of
// it leaves the cores' caches before it is used: 1.1 GB/s in place of 1.3. Over
// a round trip of 50 ms this lets 80 MB/s through.
constexpr int kLookaheadBytes = 4 << 20;

// Others than the owner and its group do not reach a socket.
constexpr mode_t kSocketMask = S_IXUSR | S_IXGRP | S_IRWXO;

// How often tokens and calls are looked at.
constexpr absl::Duration kTick = absl::Seconds(1);

}  // namespace

absl::Status ControlServer::Check(const SecurityOptions& security) {
  if (!security.tls_cert.empty()) {
    if (absl::Status status = CheckTlsFiles(security); !status.ok()) {
      return status;
    }
  }
  return Auth::Create(security).status();
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(
    const ControlOptions& options, const SecurityOptions& security,
    const std::vector<RpcService*>& services, Interceptors interceptors) {
  if (absl::Status status = Check(security); !status.ok()) return status;
  absl::StatusOr<std::unique_ptr<Auth>> auth = Auth::Create(security);
  if (!auth.ok()) return auth.status();
  const bool unix_socket = IsUnixSocket(options.address);
  if (unix_socket) {
    absl::Status status = CheckSocketPath(options.address);
    if (!status.ok()) return status;
  }
  auto control = absl::WrapUnique(new ControlServer());
  MethodTable methods;
  for (RpcService* service : services) service->AddTo(methods);
  control->health_.AddTo(methods);
  control->reflection_.AddTo(methods);
  control->dispatcher_ = std::make_unique<Dispatcher>(
      *std::move(auth), std::move(methods), options.client_idle_limit);
  // Nothing is served but by the dispatcher.
  grpc::EnableDefaultHealthCheckService(false);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.address,
                           security.tls_cert.empty()
                               ? grpc::InsecureServerCredentials()
                               : NewTlsCredentials(security),
                           &port);
  // A second service on the same port is an error, not a partner.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options.max_concurrent_streams);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kLookaheadBytes);
  builder.RegisterCallbackGenericService(control->dispatcher_.get());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  // It is the process's; what others create meanwhile is less open than usual.
  const mode_t mask = unix_socket ? umask(kSocketMask) : 0;
  control->server_ = builder.BuildAndStart();
  if (unix_socket) umask(mask);
  if (control->server_ == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", options.address,
        unix_socket
            ? ": its directory is not there or may not be written to; choose "
              "another --control-address"
            : ": the port is in use or the address is not this host's; choose "
              "another --control-address"));
  }
  control->address_ =
      unix_socket
          ? options.address
          : absl::StrCat(options.address.substr(0, options.address.rfind(':')),
                         ":", port);
  control->ticker_ = std::thread([server = control.get()] { server->Tick(); });
  return control;
}

ControlServer::~ControlServer() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  if (ticker_.joinable()) ticker_.join();
}

void ControlServer::Tick() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithTimeout(absl::Condition(&stopped_), kTick);
      if (stopped_) return;
    }
    dispatcher_->Tick();
  }
}

void ControlServer::StopServing() { health_.SetServing(false); }

void ControlServer::Stop(std::chrono::milliseconds grace) {
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  server_->Wait();
}

}  // namespace tcptool::server
