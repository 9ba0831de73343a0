#include "server/store/store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/api/names.h"
#include "server/base/log.h"
#include "server/store/store_file.h"
#include "server/store/store_schema.h"

namespace tcptool::server {
namespace {

constexpr absl::Duration kRetry = absl::Seconds(1);

// Revisions that a process may use before the next one's begin. Nobody gets
// through so many.
constexpr int64_t kRevisions = int64_t{1} << 40;

absl::Status Named(const std::string& path, const absl::Status& status) {
  if (status.ok()) return status;
  const absl::string_view advice =
      absl::IsDataLoss(status)
          ? ". It is damaged and was left as it is: move it away, or put a "
            "backup in its place"
          : "";
  return absl::Status(status.code(), absl::StrCat("--state ", path, ": ",
                                                  status.message(), advice));
}

// In the form that a stored row must have.
template <typename Message>
absl::Status Parse(const std::string& bytes, Message& message) {
  if (message.ParseFromString(bytes)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a row is no ", message.GetTypeName()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path,
                                                   Observe observe) {
  dataplane::UniqueFd lock;
  if (path != kInMemory) {
    auto locked = LockStateFile(path);
    if (!locked.ok()) return locked.status();
    lock = *std::move(locked);
  }
  auto database = SqliteDatabase::Open(path);
  if (!database.ok()) return Named(path, database.status());
  std::unique_ptr<Store> store(new Store(
      path, std::move(lock), *std::move(database), std::move(observe)));
  if (absl::Status status = store->Prepare(); !status.ok()) {
    return Named(path, status);
  }
  store->thread_ = std::thread([&store = *store] { store.Run(); });
  return store;
}

Store::Store(std::string path, dataplane::UniqueFd lock,
             SqliteDatabase database, Observe observe)
    : path_(std::move(path)),
      persistent_(path_ != kInMemory),
      lock_(std::move(lock)),
      database_(std::move(database)),
      observe_(std::move(observe)) {}

Store::~Store() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  thread_.join();
}

absl::Status Store::Prepare() {
  // A database that is not for us stays as it is.
  database_.set_checkpoint_on_close(false);
  if (absl::Status status = UpdateSchema(database_); !status.ok()) {
    return status;
  }
  database_.set_checkpoint_on_close(true);
  return database_.Run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "PRAGMA journal_size_limit = 67108864;");
}

absl::StatusOr<Store::Contents> Store::Load() {
  const absl::Time began = absl::Now();
  Contents contents;
  absl::Status status = ReadSessions(contents);
  if (status.ok()) status = ReadRecipients(contents);
  if (status.ok()) status = ReadRequests(contents);
  if (status.ok()) status = ReserveRevisions(contents);
  observe_("load", absl::Now() - began, status.ok());
  if (!status.ok()) return Named(path_, status);
  return contents;
}

absl::Status Store::ReadSessions(Contents& contents) {
  auto rows = database_.Prepare(
      "SELECT name, spec, status, last_recipient, upload_begun FROM sessions"
      " ORDER BY number");
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> row = rows->Step();
  for (; row.ok() && *row; row = rows->Step()) {
    StoredSession& stored = contents.sessions.emplace_back();
    absl::Status status = Parse(rows->Bytes(2), stored.session);
    status.Update(Parse(rows->Bytes(1), *stored.session.mutable_spec()));
    if (!status.ok()) return status;
    if (stored.session.name() != rows->Bytes(0)) {
      return absl::DataLossError("a session has another's name");
    }
    stored.last_recipient = static_cast<uint64_t>(rows->Integer(3));
    stored.upload_begun = rows->Integer(4) != 0;
  }
  return row.status();
}

absl::Status Store::ReadRecipients(Contents& contents) {
  auto rows = database_.Prepare(
      "SELECT number, status FROM recipients WHERE session_name = ?"
      " ORDER BY number");
  if (!rows.ok()) return rows.status();
  for (StoredSession& stored : contents.sessions) {
    rows->Bind(1, stored.session.name());
    absl::StatusOr<bool> row = rows->Step();
    for (; row.ok() && *row; row = rows->Step()) {
      v1::Recipient& recipient = stored.recipients.emplace_back();
      absl::Status status = Parse(rows->Bytes(1), recipient);
      if (!status.ok()) return status;
      if (SessionOf(recipient.name()) != stored.session.name() ||
          RecipientNumber(recipient.name()).value_or(0) !=
              static_cast<uint64_t>(rows->Integer(0))) {
        return absl::DataLossError("a recipient has another's name");
      }
    }
    if (!row.ok()) return row.status();
    if (absl::Status status = rows->Run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Store::ReadRequests(Contents& contents) {
  auto rows = database_.Prepare(
      "SELECT id, time, session_name, fingerprint FROM requests"
      " ORDER BY time");
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> row = rows->Step();
  for (; row.ok() && *row; row = rows->Step()) {
    contents.requests.push_back({.id = rows->Bytes(0),
                                 .time = absl::FromUnixMicros(rows->Integer(1)),
                                 .session_name = rows->Bytes(2),
                                 .fingerprint = rows->Bytes(3)});
  }
  return row.status();
}

// By the clock, or behind those of before if that was set back.
absl::Status Store::ReserveRevisions(Contents& contents) {
  const auto next = database_.Integer("SELECT next FROM revisions");
  if (!next.ok()) return next.status();
  contents.first_revision = std::max(*next, absl::ToUnixMicros(absl::Now()));
  return database_.Run("UPDATE revisions SET next = ?",
                       contents.first_revision + kRevisions);
}

void Store::PutSession(const v1::Session& session, uint64_t last_recipient,
                       bool upload_begun) {
  SessionRow row = {.last_recipient = last_recipient,
                    .upload_begun = upload_begun};
  if (session.has_spec()) row.spec = session.spec().SerializeAsString();
  v1::Session status = session;
  status.clear_spec();
  row.status = status.SerializeAsString();
  SessionChange change;
  change.row = std::move(row);
  absl::MutexLock lock(&mutex_);
  Merge(changes_.sessions[session.name()], std::move(change));
}

void Store::PutRecipient(const v1::Recipient& recipient) {
  SessionChange change;
  change.recipients[*RecipientNumber(recipient.name())] =
      recipient.SerializeAsString();
  absl::MutexLock lock(&mutex_);
  Merge(changes_.sessions[SessionOf(recipient.name())], std::move(change));
}

void Store::DeleteRecipient(const std::string& session_name, uint64_t number) {
  absl::MutexLock lock(&mutex_);
  changes_.sessions[session_name].recipients[number] = std::nullopt;
}

void Store::DeleteSession(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  changes_.sessions[name] = {.deleted = true};
}

void Store::PutRequest(StoredRequest request) {
  absl::MutexLock lock(&mutex_);
  const std::string id = request.id;
  changes_.requests[id] = std::move(request);
}

void Store::DeleteRequest(const std::string& id) {
  absl::MutexLock lock(&mutex_);
  changes_.requests[id] = std::nullopt;
}

void Store::WhenDurable(Done done) {
  absl::MutexLock lock(&mutex_);
  done_.push_back(std::move(done));
}

absl::Status Store::health() const {
  absl::MutexLock lock(&mutex_);
  return health_;
}

void Store::Merge(SessionChange& older, SessionChange&& newer) {
  if (newer.deleted) {
    older = std::move(newer);
    return;
  }
  if (newer.row) {
    // The spec does not change, and may be waiting to be written.
    if (older.row && !newer.row->spec) newer.row->spec = older.row->spec;
    older.row = std::move(newer.row);
  }
  for (auto& [number, recipient] : newer.recipients) {
    older.recipients[number] = std::move(recipient);
  }
}

void Store::Merge(Changes& older, Changes&& newer) {
  for (auto& [name, change] : newer.sessions) {
    Merge(older.sessions[name], std::move(change));
  }
  for (auto& [id, request] : newer.requests) {
    older.requests[id] = std::move(request);
  }
}

void Store::Run() {
  Changes unwritten;  // Of an attempt that failed.
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closing_ || !done_.empty() || !changes_.empty();
  };
  bool closing = false;
  while (!closing) {
    std::vector<Done> done;
    Changes newer;
    {
      absl::MutexLock lock(&mutex_);
      if (unwritten.empty()) {
        mutex_.Await(absl::Condition(&is_due));
      } else {
        const auto is_asked = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
          return closing_ || !done_.empty();
        };
        mutex_.AwaitWithTimeout(absl::Condition(&is_asked), kRetry);
      }
      closing = closing_;
      std::swap(newer, changes_);
      std::swap(done, done_);
    }
    Merge(unwritten, std::move(newer));
    const absl::Status status = Write(unwritten);
    if (status.ok()) unwritten = {};
    for (const Done& each : done) each(status);
  }
}

absl::Status Store::Write(const Changes& changes) {
  if (changes.empty()) return absl::OkStatus();
  const absl::Time began = absl::Now();
  absl::Status status = database_.Run("BEGIN IMMEDIATE");
  if (status.ok()) {
    status = WriteAll(changes);
    if (status.ok()) status = database_.Run("COMMIT");
    // After some errors it has been rolled back already.
    if (!status.ok()) database_.Run("ROLLBACK").IgnoreError();
  }
  observe_("write", absl::Now() - began, status.ok());
  status = Named(path_, status);
  Report(status);
  return status;
}

absl::Status Store::WriteAll(const Changes& changes) {
  for (const auto& [name, change] : changes.sessions) {
    const absl::Status status = WriteSession(name, change);
    if (!status.ok()) return status;
  }
  for (const auto& [id, request] : changes.requests) {
    const absl::Status status =
        request ? database_.Run(
                      "INSERT OR REPLACE INTO requests"
                      " VALUES (?, ?, ?, ?)",
                      id, absl::ToUnixMicros(request->time),
                      request->session_name, SqliteBlob{request->fingerprint})
                : database_.Run("DELETE FROM requests WHERE id = ?", id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Store::WriteSession(const std::string& name,
                                 const SessionChange& change) {
  if (change.deleted) {
    absl::Status status =
        database_.Run("DELETE FROM recipients WHERE session_name = ?", name);
    if (status.ok()) {
      status = database_.Run("DELETE FROM sessions WHERE name = ?", name);
    }
    if (!status.ok()) return status;
  }
  if (change.row) {
    const SessionRow& row = *change.row;
    const auto last_recipient = static_cast<int64_t>(row.last_recipient);
    const int64_t upload_begun = row.upload_begun ? 1 : 0;
    const absl::Status status =
        row.spec
            ? database_.Run(
                  "INSERT INTO sessions (name, spec, status,"
                  " last_recipient, upload_begun) VALUES (?, ?, ?, ?, ?)"
                  " ON CONFLICT (name) DO UPDATE SET"
                  " status = excluded.status,"
                  " last_recipient = excluded.last_recipient,"
                  " upload_begun = excluded.upload_begun",
                  name, SqliteBlob{*row.spec}, SqliteBlob{row.status},
                  last_recipient, upload_begun)
            : database_.Run(
                  "UPDATE sessions SET status = ?, last_recipient = ?,"
                  " upload_begun = ? WHERE name = ?",
                  SqliteBlob{row.status}, last_recipient, upload_begun, name);
    if (!status.ok()) return status;
  }
  for (const auto& [number, recipient] : change.recipients) {
    const auto id = static_cast<int64_t>(number);
    const absl::Status status =
        recipient ? database_.Run(
                        "INSERT OR REPLACE INTO recipients VALUES (?, ?, ?)",
                        name, id, SqliteBlob{*recipient})
                  : database_.Run(
                        "DELETE FROM recipients"
                        " WHERE session_name = ? AND number = ?",
                        name, id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void Store::Report(const absl::Status& status) {
  absl::Status before;
  {
    absl::MutexLock lock(&mutex_);
    before = std::exchange(health_, status);
  }
  // Once for each trouble, not for each attempt.
  if (before.code() == status.code()) return;
  if (status.ok()) {
    LogInfo("store_recovered", {{"path", path_}});
  } else {
    LogError("store_failed",
             {{"path", path_}, {"error", std::string(status.message())}});
  }
}

}  // namespace tcptool::server
