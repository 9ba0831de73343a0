#include "server/peers/node_credentials.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/tls/tls_context.h"
#include "server/base/log.h"
#include "server/security/pem_files.h"

namespace tcptool::server {
namespace {

// What a peer may say in one message; more than 4,096 digests.
constexpr int kMostMessageBytes = 1 << 20;

// What the files have.
struct Texts {
  std::string ca;  // In PEM. Empty: nodes are called in clear text.
  IdentityText identity;
  std::string client_ca;  // In PEM. Empty: nobody receives over TLS from here.
  std::string token;
  bool operator==(const Texts&) const = default;
};

// For data connections; null: see NodeCredentials.
struct DataContexts {
  std::shared_ptr<SSL_CTX> client;
  std::shared_ptr<SSL_CTX> server;
};

struct Credentials {
  Texts texts;
  DataContexts data;
};

CredentialFile CaFile(const PeerOptions& options) {
  return {.flag = "--peer-ca", .path = options.ca};
}

CredentialFile ClientCaFile(const SecurityOptions& security) {
  return {.flag = "--tls-client-ca", .path = security.tls_client_ca};
}

absl::StatusOr<std::string> ReadToken(const CredentialFile& file) {
  const auto text = ReadCredentialFile(file);
  if (!text.ok()) return text;
  const absl::string_view token = absl::StripAsciiWhitespace(*text);
  if (token.empty()) return WrongFile(file, "has no token");
  for (const char c : token) {
    if (absl::ascii_isgraph(static_cast<unsigned char>(c))) continue;
    return WrongFile(file, "has more than one token");
  }
  return std::string(token);
}

absl::StatusOr<Texts> ReadTexts(const PeerOptions& options,
                                const SecurityOptions& security) {
  Texts texts;
  if (!options.ca.empty()) {
    auto ca = ReadCertificates(CaFile(options));
    if (!ca.ok()) return ca.status();
    texts.ca = *std::move(ca);
    if (!security.tls_cert.empty()) {
      auto identity = ReadIdentity(IdentityFilesOf(security));
      if (!identity.ok()) return identity.status();
      texts.identity = *std::move(identity);
    }
  }
  if (options.data_tls && !options.address.empty()) {
    auto client_ca = ReadCertificates(ClientCaFile(security));
    if (!client_ca.ok()) return client_ca.status();
    texts.client_ca = *std::move(client_ca);
  }
  if (!options.token_file.empty()) {
    auto token =
        ReadToken({.flag = "--peer-token-file", .path = options.token_file});
    if (!token.ok()) return token.status();
    texts.token = *std::move(token);
  }
  return texts;
}

absl::StatusOr<DataContexts> NewContexts(const PeerOptions& options,
                                         const SecurityOptions& security,
                                         const Texts& texts) {
  DataContexts contexts;
  if (!options.data_tls) return contexts;
  const dataplane::TlsIdentity identity =
      IdentityOf(IdentityFilesOf(security), texts.identity);
  auto client =
      dataplane::NewClientContext(PemOf(CaFile(options), texts.ca), identity);
  if (!client.ok()) return client.status();
  contexts.client = *std::move(client);
  if (options.address.empty()) return contexts;
  auto server = dataplane::NewServerContext(
      identity, PemOf(ClientCaFile(security), texts.client_ca));
  if (!server.ok()) return server.status();
  contexts.server = *std::move(server);
  return contexts;
}

absl::StatusOr<Credentials> Read(const PeerOptions& options,
                                 const SecurityOptions& security) {
  auto texts = ReadTexts(options, security);
  if (!texts.ok()) return texts.status();
  auto data = NewContexts(options, security, *texts);
  if (!data.ok()) return data.status();
  return Credentials{.texts = *std::move(texts), .data = *std::move(data)};
}

}  // namespace

class NodeCredentials::Files {
 public:
  Files(const PeerOptions& options, const SecurityOptions& security,
        Credentials credentials)
      : options_(options),
        security_(security),
        credentials_(std::move(credentials)) {}

  bool any() const {
    return !options_.ca.empty() || !options_.token_file.empty();
  }

  bool data_tls() const { return options_.data_tls; }

  Texts texts() const {
    absl::MutexLock lock(&mutex_);
    return credentials_.texts;
  }

  DataContexts data() const {
    absl::MutexLock lock(&mutex_);
    return credentials_.data;
  }

  int64_t version() const {
    absl::MutexLock lock(&mutex_);
    return version_;
  }

  // One thread at a time.
  void Reload() {
    absl::StatusOr<Credentials> credentials = Read(options_, security_);
    if (!credentials.ok() && credentials.status() != failure_) {
      LogError("peer_credentials_not_reloaded",
               {{"error", credentials.status().message()}});
    }
    failure_ = credentials.status();
    if (!credentials.ok()) return;
    {
      absl::MutexLock lock(&mutex_);
      if (credentials->texts == credentials_.texts) return;
      credentials_ = *std::move(credentials);
      ++version_;
    }
    LogInfo("peer_credentials_reloaded");
  }

 private:
  const PeerOptions options_;
  const SecurityOptions security_;
  absl::Status failure_;  // Of the last reload; logged once.
  mutable absl::Mutex mutex_;
  Credentials credentials_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<std::unique_ptr<NodeCredentials>> NodeCredentials::Load(
    const PeerOptions& options, const SecurityOptions& security,
    std::string fleet_node) {
  auto credentials = Read(options, security);
  if (!credentials.ok()) return credentials.status();
  return absl::WrapUnique(new NodeCredentials(
      std::make_shared<Files>(options, security, *std::move(credentials)),
      std::move(fleet_node)));
}

NodeCredentials::NodeCredentials(std::shared_ptr<Files> files,
                                 std::string fleet_node)
    : files_(std::move(files)), fleet_node_(std::move(fleet_node)) {
  if (!files_->any()) return;
  reloader_ = std::make_unique<CredentialReloader>(
      [files = files_] { files->Reload(); });
}

std::shared_ptr<grpc::Channel> NodeCredentials::NewChannel(
    const std::string& address, std::chrono::milliseconds idle) const {
  const Texts texts = files_->texts();
  grpc::ChannelArguments arguments;
  // $http_proxy is for web pages.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Each channel has a connection of its own, which ends soon after its calls.
  arguments.SetInt(GRPC_ARG_CLIENT_IDLE_TIMEOUT_MS,
                   static_cast<int>(idle.count()));
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMostMessageBytes);
  return grpc::CreateCustomChannel(
      address,
      texts.ca.empty() ? grpc::InsecureChannelCredentials()
                       : grpc::SslCredentials(
                             {.pem_root_certs = texts.ca,
                              .pem_private_key = texts.identity.key,
                              .pem_cert_chain = texts.identity.certificate}),
      arguments);
}

int64_t NodeCredentials::version() const { return files_->version(); }

std::string NodeCredentials::token() const { return files_->texts().token; }

bool NodeCredentials::data_tls() const { return files_->data_tls(); }

std::shared_ptr<SSL_CTX> NodeCredentials::data_client() const {
  return files_->data().client;
}

std::shared_ptr<SSL_CTX> NodeCredentials::data_server() const {
  return files_->data().server;
}

std::function<std::shared_ptr<SSL_CTX>()> DataServersOf(
    std::shared_ptr<const NodeCredentials> credentials) {
  if (!credentials->data_tls()) return nullptr;
  return [credentials = std::move(credentials)] {
    return credentials->data_server();
  };
}

}  // namespace tcptool::server
