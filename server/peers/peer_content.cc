#include "server/peers/peer_content.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {
namespace {

using dataplane::BlockDigests;
using dataplane::ContentEnd;
using dataplane::Digest;
using dataplane::Engine;
using dataplane::NodeConnection;
using dataplane::Reception;
using dataplane::Route;
using dataplane::Session;
using dataplane::Source;
using dataplane::Spool;

// How long a node whose call of Follow is over may take to close its
// connection, once it has been sent everything: it holds an open file until
// then, and nobody counts what it has. One that has the content ends its call
// when it closes the connection.
constexpr absl::Duration kConfirmAfterCall = absl::Seconds(5);

// What is looked at of the sessions that send to nodes alone: why there is no
// more of what they send, and how far the nodes are.
class NodesSessionRecord : public dataplane::SessionObserver {
 public:
  void OnUpdate(const Update& update) override {
    absl::MutexLock lock(&mutex_);
    for (const dataplane::RecipientStatus& status : update.changed) {
      if (IsFinal(status.state)) {
        taken_.erase(status.node);
      } else {
        taken_[status.node] = status.bytes_acked;
      }
    }
    if (update.session.error.empty()) return;
    error_ = absl::DataLossError(update.session.error);
  }
  absl::Status error() const {
    absl::MutexLock lock(&mutex_);
    return error_;
  }
  std::optional<uint64_t> TakenBy(const std::string& node) const {
    absl::MutexLock lock(&mutex_);
    const auto found = taken_.find(node);
    if (found == taken_.end()) return std::nullopt;
    return found->second;
  }

 private:
  mutable absl::Mutex mutex_;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
  // Bytes, of nodes that are connected.
  std::map<std::string, uint64_t> taken_ ABSL_GUARDED_BY(mutex_);
};

// A session that has no port, takes any node, and ends when its last node has,
// after this is gone.
class NodesSession {
 public:
  static absl::StatusOr<std::unique_ptr<NodesSession>> Create(
      Engine& engine, std::shared_ptr<Source> source) {
    auto record = std::make_shared<NodesSessionRecord>();
    auto session = engine.CreateSession(
        {.listens = false,
         .start = {.immediate = true, .ignore_start_byte = true}},
        std::move(source), record);
    if (!session.ok()) return session.status();
    return std::make_unique<NodesSession>(*std::move(session),
                                          std::move(record));
  }

  NodesSession(std::shared_ptr<Session> session,
               std::shared_ptr<const NodesSessionRecord> record)
      : session_(std::move(session)), record_(std::move(record)) {}
  ~NodesSession() { session_->Drain(); }

  NodesSession(const NodesSession&) = delete;
  NodesSession& operator=(const NodesSession&) = delete;

  Session& session() { return *session_; }
  // Why it has failed; OK if it has not.
  absl::Status error() const { return record_->error(); }
  // As PeerContent::TakenBy().
  std::optional<uint64_t> TakenBy(const std::string& node) const {
    return record_->TakenBy(node);
  }

 private:
  const std::shared_ptr<Session> session_;
  const std::shared_ptr<const NodesSessionRecord> record_;
};

// A content that such a session sends.
class NodesContent : public PeerContent {
 public:
  explicit NodesContent(std::unique_ptr<NodesSession> session)
      : session_(std::move(session)) {}

  absl::Status CheckAllows(const asio::ip::address& /*peer*/) const override {
    return absl::OkStatus();
  }
  void MayTake(std::string node, Session::Done done) override {
    session_->session().MayTake(std::move(node), std::move(done));
  }
  void Take(NodeConnection connection, Session::Taken done) override {
    session_->session().Take(std::move(connection), std::move(done));
  }
  void ResetNode(uint64_t connection, std::string detail) override {
    session_->session().ResetNode(connection, std::move(detail),
                                  kConfirmAfterCall);
  }
  void SetRate(uint64_t connection, uint64_t bytes_per_second) override {
    session_->session().SetRate(connection, bytes_per_second);
  }
  std::optional<uint64_t> TakenBy(const std::string& node) const override {
    return session_->TakenBy(node);
  }

 protected:
  absl::Status session_error() const { return session_->error(); }

 private:
  const std::unique_ptr<NodesSession> session_;
};

// What a reception that has not succeeded says, as PeerService.Follow has it.
absl::Status HasFailed(const absl::Status& error) {
  return absl::IsUnavailable(error) ? absl::AbortedError(error.message())
                                    : error;
}

class SessionContent : public PeerContent {
 public:
  SessionContent(const std::shared_ptr<Session>& session,
                 std::shared_ptr<const BlockDigests> digests)
      : session_(session),
        length_(session->source()->length()),
        is_encrypted_(session->is_encrypted()),
        digests_(std::move(digests)) {}

  std::vector<Digest> Digests(uint64_t first, size_t most) const override {
    return digests_->Digests(first, most);
  }
  std::optional<ContentEnd> end() const override { return digests_->end(); }
  std::optional<uint64_t> length() const override {
    const auto end = digests_->end();
    return end ? end->length : length_;
  }
  uint64_t available() const override {
    const auto session = session_.lock();
    return session != nullptr && session->is_sending()
               ? session->source()->available()
               : 0;
  }
  Route route() const override {
    const auto session = session_.lock();
    return session ? session->source()->route() : Route();
  }
  absl::Status error() const override {
    if (session_.expired()) {
      return absl::FailedPreconditionError("the session has ended");
    }
    return HasFailed(digests_->error());
  }
  bool is_encrypted() const override { return is_encrypted_; }
  absl::Status CheckAllows(const asio::ip::address& peer) const override {
    const auto session = session_.lock();
    return session == nullptr ? error() : session->CheckAllows(peer);
  }
  void MayTake(std::string node, Session::Done done) override {
    const auto session = session_.lock();
    if (session == nullptr) return done(error());
    session->MayTake(std::move(node), std::move(done));
  }
  void Take(NodeConnection connection, Session::Taken done) override {
    const auto session = session_.lock();
    if (session == nullptr) return done(error());
    session->Take(std::move(connection), std::move(done));
  }
  void ResetNode(uint64_t connection, std::string detail) override {
    const auto session = session_.lock();
    if (session == nullptr) return;
    session->ResetNode(connection, std::move(detail));
  }
  void SetRate(uint64_t connection, uint64_t bytes_per_second) override {
    const auto session = session_.lock();
    if (session != nullptr) session->SetRate(connection, bytes_per_second);
  }
  // To compute the manifest costs as much as to read the content.
  bool keep() const override { return !session_.expired(); }

 private:
  const std::weak_ptr<Session> session_;
  const std::optional<uint64_t> length_;  // As far as it is known at first.
  const bool is_encrypted_;
  const std::shared_ptr<const BlockDigests> digests_;
};

// What a source has that is no session's.
class SourceContent : public NodesContent {
 public:
  // `lasting`: has an end once what is lost of the content does not come again.
  SourceContent(std::shared_ptr<const Source> source,
                std::shared_ptr<const BlockDigests> digests,
                std::shared_ptr<const BlockDigests> lasting,
                std::unique_ptr<NodesSession> session)
      : NodesContent(std::move(session)),
        source_(std::move(source)),
        digests_(std::move(digests)),
        lasting_(std::move(lasting)) {}

  std::vector<Digest> Digests(uint64_t first, size_t most) const override {
    return digests_->Digests(first, most);
  }
  std::optional<ContentEnd> end() const override { return digests_->end(); }
  std::optional<uint64_t> length() const override {
    const auto end = digests_->end();
    return end ? end->length : source_->length();
  }
  uint64_t available() const override { return source_->available(); }
  Route route() const override { return source_->route(); }
  // A file may be changed when its digests are known. What ends before is told
  // by these; until the content lasts, what the disk has lost may come again,
  // for another session.
  absl::Status error() const override {
    absl::Status sending = session_error();
    if (lasting_->end()) return sending;
    absl::Status error = HasFailed(digests_->error());
    if (!error.ok() || sending.ok()) return error;
    return absl::UnavailableError(sending.message());
  }

 private:
  const std::shared_ptr<const Source> source_;
  const std::shared_ptr<const BlockDigests> digests_;
  const std::shared_ptr<const BlockDigests> lasting_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    Engine& engine, const std::shared_ptr<Session>& session) {
  if (!session->source()->rereadable()) {
    return absl::FailedPreconditionError(
        "the session's content is a stream, which cannot be read from any "
        "position; receive it as any recipient does, from the session's port");
  }
  return std::make_shared<SessionContent>(session,
                                          engine.DigestsOf(session->source()));
}

absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    Engine& engine, const std::shared_ptr<Reception>& reception) {
  const auto source = reception->OpenSource(Spool::Level::kReceived);
  auto session = NodesSession::Create(engine, source);
  if (!session.ok()) return session.status();
  // Nodes are told the end before the content is on the disk: a block that is
  // lost until then comes again.
  return std::make_shared<SourceContent>(
      source, engine.DigestsOf(source),
      reception->OpenSource(Spool::Level::kVerified)->block_digests(),
      *std::move(session));
}

absl::StatusOr<std::shared_ptr<PeerContent>> ContentOf(
    Engine& engine, const std::shared_ptr<Source>& source) {
  auto session = NodesSession::Create(engine, source);
  if (!session.ok()) return session.status();
  const auto digests = engine.DigestsOf(source);
  return std::make_shared<SourceContent>(source, digests, digests,
                                         *std::move(session));
}

}  // namespace tcptool::server
