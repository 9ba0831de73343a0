#include "server/store/store.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "server/store/store_database.h"
#include "server/store/store_file.h"
#include "server/store/store_reader.h"

namespace tcptool::server {
namespace {

using Clock = std::chrono::steady_clock;

// Revisions that are reserved for one run of the process, more than it can use.
constexpr int64_t kRevisions = int64_t{1} << 40;

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> Store::Open(
    const std::string& path, Observe observe,
    std::chrono::nanoseconds patience) {
  dataplane::UniqueFd lock;
  if (path != kInMemory) {
    auto locked = LockStateFile(path);
    if (!locked.ok()) return locked.status();
    lock = *std::move(locked);
  }
  auto database = OpenStoreDatabase(path);
  if (!database.ok()) return NamedState(path, database.status());
  return absl::WrapUnique(new Store(path, std::move(lock), *std::move(database),
                                    std::move(observe), patience));
}

Store::Store(const std::string& path, dataplane::UniqueFd lock,
             SqliteDatabase database, Observe observe,
             std::chrono::nanoseconds patience)
    : path_(path),
      observe_(observe),
      worker_(path, std::move(lock), std::move(database), std::move(observe),
              patience) {}

bool Store::persistent() const { return path_ != kInMemory; }

absl::StatusOr<Store::Contents> Store::Load() {
  const Clock::time_point began = Clock::now();
  absl::StatusOr<Contents> contents = ReadContents(worker_.database());
  absl::Status status = contents.status();
  if (status.ok()) status = ReserveRevisions(*contents);
  observe_("load", absl::FromChrono(Clock::now() - began), status.ok());
  if (!status.ok()) return NamedState(path_, status);
  return contents;
}

// Taken from the clock, or above the previous run's if the clock was set back.
absl::Status Store::ReserveRevisions(Contents& contents) {
  const auto next = worker_.database().Integer("SELECT next FROM revisions");
  if (!next.ok()) return next.status();
  contents.first_revision = std::max(*next, absl::ToUnixMicros(absl::Now()));
  return worker_.database().Run("UPDATE revisions SET next = ?",
                                contents.first_revision + kRevisions);
}

void Store::PutSession(const v1::Session& session, const SessionExtra& extra) {
  worker_.Add(
      [&](StoreChanges& changes) { changes.PutSession(session, extra); });
}

void Store::PutRecipient(const v1::Recipient& recipient) {
  worker_.Add([&](StoreChanges& changes) { changes.PutRecipient(recipient); });
}

void Store::DeleteRecipient(const std::string& session_name, uint64_t number) {
  worker_.Add([&](StoreChanges& changes) {
    changes.DeleteRecipient(session_name, number);
  });
}

void Store::DeleteRecipientsAbove(const std::string& session_name,
                                  uint64_t number) {
  worker_.Add([&](StoreChanges& changes) {
    changes.DeleteRecipientsAbove(session_name, number);
  });
}

void Store::DeleteSession(const std::string& name) {
  worker_.Add([&](StoreChanges& changes) { changes.DeleteSession(name); });
}

void Store::PutReception(const v1::Reception& reception,
                         const ReceptionExtra& extra) {
  worker_.Add(
      [&](StoreChanges& changes) { changes.PutReception(reception, extra); });
}

void Store::DeleteReception(const std::string& name) {
  worker_.Add([&](StoreChanges& changes) { changes.DeleteReception(name); });
}

void Store::PutRequest(StoredRequest request) {
  worker_.Add(
      [&](StoreChanges& changes) { changes.PutRequest(std::move(request)); });
}

void Store::DeleteRequest(RequestKind kind, const std::string& id) {
  worker_.Add([&](StoreChanges& changes) { changes.DeleteRequest(kind, id); });
}

void Store::PutPortUse(const StoredPortUse& use) {
  worker_.Add([&](StoreChanges& changes) { changes.PutPortUse(use); });
}

absl::Status Store::WaitUntilDurable() {
  std::promise<absl::Status> durable;
  WhenDurable(
      [&durable](const absl::Status& status) { durable.set_value(status); });
  return durable.get_future().get();
}

}  // namespace tcptool::server
