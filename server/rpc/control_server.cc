#include "server/rpc/control_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/descriptor_reserve.h"
#include "server/base/log.h"
#include "server/front/grpc_pair.h"
#include "server/rpc/control_address.h"
#include "server/rpc/grpc_threads.h"
#include "server/rpc/probe_call.h"
#include "server/security/auth.h"
#include "server/security/control_tls.h"

namespace tcptool::server {
namespace {

// HTTP/2's frame size, so that an upload's message fits into one frame. The
// default, 16 KiB, makes uploads 6 % slower.
constexpr int kMaxFrameBytes = 1 << 20;

// How much of an upload gRPC receives before it is read. By default gRPC
// measures the connection's bandwidth-delay product, and receives that much: on
// a fast connection the data then leaves the processor's caches before it is
// used, 1.1 GB/s in place of 1.3. With a round trip of 50 ms this value allows
// 80 MB/s.
constexpr int kLookaheadBytes = 4 << 20;

// A client that is gone without a word is found within 50 s: what it held, such
// as a place among the watchers, is free again. One that reads an answer has
// the question in front of it once it has read what the kernels have, and the
// front, which is 256 KiB: 10 KB/s are enough.
constexpr int kKeepaliveTimeMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 30'000;
// TLS, the preface and the first settings.
constexpr int kHandshakeTimeoutMs = 10'000;
// Of all headers of a call; gRPC's default, said here as it is a bound.
constexpr int kMaxHeaderBytes = 8 << 10;

// At the stop, for clients to read what gRPC has sent last.
constexpr std::chrono::milliseconds kLastBytesLimit{500};

// At the stop, for the front to give gRPC what was accepted; it never waits for
// anything.
constexpr std::chrono::seconds kFrontLimit{5};

// Reading the files of tokens and certificates again takes no time, unless
// their disk is gone.
constexpr std::chrono::seconds kReloadLimit{10};

// How often open calls are checked.
constexpr std::chrono::seconds kTick{1};

// With those of `others`, they have at most their part of the descriptors that
// the data plane leaves.
size_t MaxConnections(const ControlOptions& options, size_t descriptors_of_each,
                      size_t others) {
  const auto reserve =
      static_cast<size_t>(dataplane::DescriptorReserve::Now().reserve);
  const size_t part = reserve / options.reserve_parts;
  return std::min(options.max_connections,
                  part > others ? (part - others) / descriptors_of_each : 0);
}

}  // namespace

absl::Status ControlServer::Check(const SecurityOptions& security) {
  if (!security.tls_cert.empty()) {
    absl::Status status = LoadControlTls(security).status();
    if (!status.ok()) return status;
  }
  return Auth::Create(security).status();
}

absl::StatusOr<std::unique_ptr<ControlServer>> ControlServer::Start(
    const ControlOptions& options, const SecurityOptions& security,
    const std::vector<RpcService*>& services, Interceptors interceptors,
    ControlProbe::OnChange on_reachable) {
  absl::StatusOr<std::unique_ptr<Auth>> created = Auth::Create(security);
  if (!created.ok()) return created.status();
  const std::shared_ptr<Auth> auth = *std::move(created);
  if (IsUnixSocket(options.address)) {
    absl::Status status = CheckSocketPath(options.address);
    if (!status.ok()) return status;
  }
  auto control = absl::WrapUnique(new ControlServer());
  if (!security.tls_cert.empty()) {
    auto tls = LoadControlTls(security);
    if (!tls.ok()) return tls.status();
    control->tls_ = *std::move(tls);
  }
  const bool has_front =
      !security.tls_cert.empty() || !security.token_file.empty();
  absl::StatusOr<std::unique_ptr<ControlListener>> listener =
      ControlListener::Listen(
          options.address, has_front
                               ? std::nullopt
                               : std::optional(MaxConnections(options, 1, 0)));
  if (!listener.ok()) {
    return absl::UnavailableError(absl::StrCat(
        listener.status().message(), "; choose another ", options.option));
  }
  control->listener_ = *std::move(listener);
  if (has_front) {
    control->front_ = std::make_unique<Front>(
        control->address(), control->tls_.get(),
        MaxConnections(options, Front::kDescriptorsPerConnection,
                       Front::kMaxArriving),
        [server = control.get()](dataplane::UniqueFd connection) {
          server->GiveToGrpc(std::move(connection));
        });
    control->reloader_ =
        std::make_unique<CredentialReloader>([auth, tls = control->tls_] {
          auth->Refresh();
          if (tls != nullptr) tls->ReloadIfChanged();
        });
  }
  MethodTable methods;
  for (RpcService* service : services) service->AddTo(methods);
  control->health_.AddTo(methods);
  control->reflection_.AddTo(methods);
  control->dispatcher_ = std::make_unique<Dispatcher>(
      auth, control->front_.get(), std::move(methods),
      options.client_idle_limit);
  // All methods go through the dispatcher, health checks too.
  grpc::EnableDefaultHealthCheckService(false);
  grpc::ServerBuilder builder;
  control->acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options.max_concurrent_streams);
  builder.SetMaxReceiveMessageSize(options.max_message_bytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                             kLookaheadBytes);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // However often clients ping: gRPC 1.51 would close the connection of one
  // that does it more often than every 5 minutes, and keeps 350 bytes of each
  // ping that comes until it has.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                             kHandshakeTimeoutMs);
  // Without calls. A client of gRPC's connects again by itself.
  builder.AddChannelArgument(
      GRPC_ARG_MAX_CONNECTION_IDLE_MS,
      static_cast<int>(
          std::chrono::milliseconds(options.client_idle_limit).count()));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxHeaderBytes);
  builder.RegisterCallbackGenericService(control->dispatcher_.get());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  control->server_ = builder.BuildAndStart();
  if (control->server_ == nullptr) {
    return absl::UnavailableError(
        "gRPC does not start; its messages in the log say why");
  }
  KeepGrpcThreads();
  if (absl::Status status = StartGrpcThreads(); !status.ok()) return status;
  control->listener_->Open([server = control.get()](dataplane::UniqueFd fd) {
    if (server->front_ != nullptr) {
      server->front_->Take(std::move(fd));
    } else {
      server->GiveToGrpc(std::move(fd));
    }
  });
  control->ticker_ = std::thread([server = control.get()] { server->Tick(); });
  control->probe_ = std::make_unique<ControlProbe>(
      control->address(), ControlProbe::Options{},
      [server = control.get()](std::chrono::milliseconds timeout) {
        return server->TryCall(timeout);
      },
      [server = control.get(),
       on_reachable = std::move(on_reachable)](bool works) {
        {
          absl::MutexLock lock(&server->mutex_);
          server->unreachable_ = !works;
          server->TellHealth();
        }
        on_reachable(works);
      });
  return control;
}

ControlServer::~ControlServer() {
  probe_ = nullptr;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    stopped_changed_.NotifyAll();
  }
  if (ticker_.joinable()) ticker_.join();
  StopAccepting();
}

void ControlServer::StopAccepting() {
  if (listener_ != nullptr) listener_->Close();
  if (front_ != nullptr) front_->Close(kFrontLimit);
}

void ControlServer::GiveToGrpc(dataplane::UniqueFd connection) {
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      parameters;
  parameters.fd = connection.release();
  acceptor_->HandleNewConnection(&parameters);
}

absl::Status ControlServer::TryCall(std::chrono::milliseconds timeout) {
  // As one of the front's, behind TLS.
  GrpcPair pair = NewGrpcPair("probe");
  if (!pair.ours.valid() || !pair.grpcs.valid()) {
    return absl::UnavailableError(
        absl::StrCat("a pair of sockets: ", std::strerror(errno)));
  }
  {
    // A connection that gRPC is given after its end is answered by nobody.
    absl::MutexLock lock(&mutex_);
    if (ends_) return absl::OkStatus();
    GiveToGrpc(std::move(pair.grpcs));
  }
  return MakeProbeCall(pair.ours.get(), timeout);
}

void ControlServer::Tick() {
  while (true) {
    {
      absl::MutexLock lock(&mutex_);
      const auto stopped = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return stopped_;
      };
      if (stopped_changed_.WaitFor(&mutex_, kTick, stopped)) return;
    }
    dispatcher_->Tick();
    if (reloader_ != nullptr) TellReload();
  }
}

void ControlServer::TellReload() {
  const bool hangs = reloader_->running_for() >= kReloadLimit;
  if (std::exchange(reload_hangs_, hangs) == hangs) return;
  if (hangs) {
    LogError(
        "credentials_unreadable",
        {{"detail",
          "the disk of the token file or of the TLS files does not "
          "answer: until it does, tokens that are taken away stay valid"}});
  } else {
    LogInfo("credentials_readable");
  }
}

std::shared_ptr<grpc::Channel> ControlServer::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

void ControlServer::StopServing() {
  absl::MutexLock lock(&mutex_);
  stops_serving_ = true;
  TellHealth();
}

void ControlServer::SetOtherWorks(bool works) {
  absl::MutexLock lock(&mutex_);
  other_unreachable_ = !works;
  TellHealth();
}

void ControlServer::TellHealth() {
  health_.SetServing(!unreachable_ && !other_unreachable_ && !stops_serving_);
}

void ControlServer::Stop(std::chrono::milliseconds grace) {
  StopAccepting();
  dispatcher_->WaitUntilIdle(grace);
  {
    absl::MutexLock lock(&mutex_);
    ends_ = true;
  }
  // At once: with a later deadline, gRPC waits for each client to answer a
  // ping, and one that makes no call may not.
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  if (front_ != nullptr) front_->WaitUntilNone(kLastBytesLimit);
}

}  // namespace tcptool::server
