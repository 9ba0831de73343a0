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
  std::string token;
  bool operator==(const Texts&) const = default;
};

absl::StatusOr<std::string> ReadCa(const CredentialFile& file) {
  auto text = ReadCredentialFile(file);
  if (!text.ok()) return text;
  const absl::Status status = ParseCertificates(file, *text).status();
  if (!status.ok()) return status;
  return text;
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

absl::StatusOr<Texts> Read(const PeerOptions& options,
                           const SecurityOptions& security) {
  Texts texts;
  if (!options.ca.empty()) {
    auto ca = ReadCa({.flag = "--peer-ca", .path = options.ca});
    if (!ca.ok()) return ca.status();
    texts.ca = *std::move(ca);
    if (!security.tls_cert.empty()) {
      auto identity = ReadIdentity(IdentityFilesOf(security));
      if (!identity.ok()) return identity.status();
      texts.identity = *std::move(identity);
      const absl::Status status =
          ParseIdentity(IdentityFilesOf(security), texts.identity).status();
      if (!status.ok()) return status;
    }
  }
  if (!options.token_file.empty()) {
    auto token =
        ReadToken({.flag = "--peer-token-file", .path = options.token_file});
    if (!token.ok()) return token.status();
    texts.token = *std::move(token);
  }
  return texts;
}

}  // namespace

class NodeCredentials::Files {
 public:
  Files(const PeerOptions& options, const SecurityOptions& security,
        Texts texts)
      : options_(options), security_(security), texts_(std::move(texts)) {}

  bool any() const {
    return !options_.ca.empty() || !options_.token_file.empty();
  }

  Texts texts() const {
    absl::MutexLock lock(&mutex_);
    return texts_;
  }

  int64_t version() const {
    absl::MutexLock lock(&mutex_);
    return version_;
  }

  // One thread at a time.
  void Reload() {
    absl::StatusOr<Texts> texts = Read(options_, security_);
    if (!texts.ok() && texts.status() != failure_) {
      LogError("peer_credentials_not_reloaded",
               {{"error", texts.status().message()}});
    }
    failure_ = texts.status();
    if (!texts.ok()) return;
    {
      absl::MutexLock lock(&mutex_);
      if (*texts == texts_) return;
      texts_ = *std::move(texts);
      ++version_;
    }
    LogInfo("peer_credentials_reloaded");
  }

 private:
  const PeerOptions options_;
  const SecurityOptions security_;
  absl::Status failure_;  // Of the last reload; logged once.
  mutable absl::Mutex mutex_;
  Texts texts_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::StatusOr<std::unique_ptr<NodeCredentials>> NodeCredentials::Load(
    const PeerOptions& options, const SecurityOptions& security) {
  auto texts = Read(options, security);
  if (!texts.ok()) return texts.status();
  return absl::WrapUnique(new NodeCredentials(
      std::make_shared<Files>(options, security, *std::move(texts))));
}

NodeCredentials::NodeCredentials(std::shared_ptr<Files> files)
    : files_(std::move(files)) {
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

}  // namespace tcptool::server
