#include "server/store/store.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/store/store_database.h"
#include "server/store/store_file.h"
#include "server/store/store_reader.h"
#include "server/store/store_writer.h"

namespace tcptool::server {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kRetry{1};

// Revisions that are reserved for one run of the process, more than it can use.
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

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(const std::string& path,
                                                   Observe observe) {
  dataplane::UniqueFd lock;
  if (path != kInMemory) {
    auto locked = LockStateFile(path);
    if (!locked.ok()) return locked.status();
    lock = *std::move(locked);
  }
  auto database = OpenStoreDatabase(path);
  if (!database.ok()) return Named(path, database.status());
  std::unique_ptr<Store> store(new Store(
      path, std::move(lock), *std::move(database), std::move(observe)));
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
    asked_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<Store::Contents> Store::Load() {
  const Clock::time_point began = Clock::now();
  absl::StatusOr<Contents> contents = ReadContents(database_);
  absl::Status status = contents.status();
  if (status.ok()) status = ReserveRevisions(*contents);
  observe_("load", absl::FromChrono(Clock::now() - began), status.ok());
  if (!status.ok()) return Named(path_, status);
  return contents;
}

// Taken from the clock, or above the previous run's if the clock was set back.
absl::Status Store::ReserveRevisions(Contents& contents) {
  const auto next = database_.Integer("SELECT next FROM revisions");
  if (!next.ok()) return next.status();
  contents.first_revision = std::max(*next, absl::ToUnixMicros(absl::Now()));
  return database_.Run("UPDATE revisions SET next = ?",
                       contents.first_revision + kRevisions);
}

void Store::PutSession(const v1::Session& session, const SessionExtra& extra) {
  absl::MutexLock lock(&mutex_);
  changes_.PutSession(session, extra);
}

void Store::PutRecipient(const v1::Recipient& recipient) {
  absl::MutexLock lock(&mutex_);
  changes_.PutRecipient(recipient);
}

void Store::DeleteRecipient(const std::string& session_name, uint64_t number) {
  absl::MutexLock lock(&mutex_);
  changes_.DeleteRecipient(session_name, number);
}

void Store::DeleteRecipientsAbove(const std::string& session_name,
                                  uint64_t number) {
  absl::MutexLock lock(&mutex_);
  changes_.DeleteRecipientsAbove(session_name, number);
}

void Store::DeleteSession(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  changes_.DeleteSession(name);
}

void Store::PutReception(const v1::Reception& reception,
                         const ReceptionExtra& extra) {
  absl::MutexLock lock(&mutex_);
  changes_.PutReception(reception, extra);
}

void Store::DeleteReception(const std::string& name) {
  absl::MutexLock lock(&mutex_);
  changes_.DeleteReception(name);
}

void Store::PutRequest(StoredRequest request) {
  absl::MutexLock lock(&mutex_);
  changes_.PutRequest(std::move(request));
}

void Store::DeleteRequest(RequestKind kind, const std::string& id) {
  absl::MutexLock lock(&mutex_);
  changes_.DeleteRequest(kind, id);
}

void Store::PutPortUse(const StoredPortUse& use) {
  absl::MutexLock lock(&mutex_);
  changes_.PutPortUse(use);
}

void Store::WhenDurable(Done done) {
  absl::MutexLock lock(&mutex_);
  done_.push_back(std::move(done));
  asked_.NotifyAll();
}

absl::Status Store::WaitUntilDurable() {
  std::promise<absl::Status> durable;
  WhenDurable(
      [&durable](const absl::Status& status) { durable.set_value(status); });
  return durable.get_future().get();
}

absl::Status Store::health() const {
  absl::MutexLock lock(&mutex_);
  return health_;
}

void Store::Run() {
  StoreChanges unwritten;  // Of a failed attempt.
  const auto is_due = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return closing_ || !done_.empty() || !changes_.empty();
  };
  bool closing = false;
  while (!closing) {
    std::vector<Done> done;
    StoreChanges newer;
    {
      absl::MutexLock lock(&mutex_);
      if (unwritten.empty()) {
        mutex_.Await(absl::Condition(&is_due));
      } else {
        const auto is_asked = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
          return closing_ || !done_.empty();
        };
        asked_.WaitFor(&mutex_, kRetry, is_asked);
      }
      closing = closing_;
      std::swap(newer, changes_);
      std::swap(done, done_);
    }
    unwritten.Merge(std::move(newer));
    const absl::Status status = Write(unwritten);
    if (status.ok()) unwritten = {};
    for (const Done& each : done) each(status);
  }
}

absl::Status Store::Write(const StoreChanges& changes) {
  if (changes.empty()) return absl::OkStatus();
  const Clock::time_point began = Clock::now();
  absl::Status status = WriteChanges(database_, changes);
  observe_("write", absl::FromChrono(Clock::now() - began), status.ok());
  status = Named(path_, status);
  Report(status);
  return status;
}

void Store::Report(const absl::Status& status) {
  absl::Status before;
  {
    absl::MutexLock lock(&mutex_);
    before = std::exchange(health_, status);
  }
  // Logged once for each kind of error, not for each attempt.
  if (before.code() == status.code()) return;
  if (status.ok()) {
    LogInfo("store_recovered", {{"path", path_}});
  } else {
    LogError("store_failed",
             {{"path", path_}, {"error", std::string(status.message())}});
  }
}

}  // namespace tcptool::server
