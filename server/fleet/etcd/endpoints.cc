#include "server/fleet/etcd/endpoints.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <random>

namespace tcptool::fleet {
namespace {

// A ping after so long without anything from the server; etcd closes
// connections with more than one in 5 s.
constexpr int kKeepaliveMillis = 10'000;
constexpr int kKeepaliveTimeoutMillis = 5'000;
constexpr int kFirstReconnectMillis = 100;
constexpr int kMostReconnectMillis = 2'000;
// Of one message: a page of a list, or the events of a watch that has been
// away.
constexpr int kMostBytes = 64 << 20;

grpc::ChannelArguments Arguments(const EtcdOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  // A watch may be quiet for hours; gRPC's default is two pings without data.
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMostReconnectMillis);
  // gRPC would repeat calls by itself, writes among them.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(kMostBytes);
  if (!options.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_server_name);
  }
  return arguments;
}

std::shared_ptr<grpc::ChannelCredentials> Credentials(
    const EtcdOptions& options) {
  if (!options.wants_tls()) return grpc::InsecureChannelCredentials();
  return grpc::SslCredentials({.pem_root_certs = options.tls_ca,
                               .pem_private_key = options.tls_key,
                               .pem_cert_chain = options.tls_cert});
}

}  // namespace

Endpoint::Endpoint(const std::string& address,
                   const std::shared_ptr<grpc::Channel>& channel)
    : name(address),
      kv(etcdserverpb::KV::NewStub(channel)),
      lease(etcdserverpb::Lease::NewStub(channel)),
      watch(etcdserverpb::Watch::NewStub(channel)),
      auth(etcdserverpb::Auth::NewStub(channel)) {}

// A thousand nodes are not to begin with one member all.
Endpoints::Endpoints(const EtcdOptions& options)
    : current_(std::random_device()() % options.endpoints.size()) {
  const auto credentials = Credentials(options);
  for (const std::string& endpoint : options.endpoints) {
    endpoints_.push_back(std::make_unique<const Endpoint>(
        endpoint,
        grpc::CreateCustomChannel(endpoint, credentials, Arguments(options))));
  }
}

void Endpoints::TurnFrom(const Endpoint& failed) {
  if (&failed == &current()) current_ = (current_ + 1) % size();
}

}  // namespace tcptool::fleet
