#include "server/store/store_database.h"

#include "server/base/log.h"
#include "server/store/store_schema.h"

namespace tcptool::server {
namespace {

// A database that is not ours is not modified, not by its being closed either.
absl::Status UpdateIfOurs(SqliteDatabase& database) {
  database.set_checkpoint_on_close(false);
  absl::Status status = UpdateSchema(database);
  if (status.ok()) database.set_checkpoint_on_close(true);
  return status;
}

absl::Status UseWriteAheadLog(SqliteDatabase& database) {
  if (absl::Status status = UpdateIfOurs(database); !status.ok()) return status;
  return database.Run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "PRAGMA journal_size_limit = 67108864;");
}

absl::Status UseRollbackJournal(SqliteDatabase& database) {
  // The file may say that there is a write-ahead log. Whoever has it alone
  // keeps the log's index in memory of its own (sqlite.org/wal.html, section
  // 8).
  if (absl::Status status = database.Run("PRAGMA locking_mode = EXCLUSIVE");
      !status.ok()) {
    return status;
  }
  if (absl::Status status = UpdateIfOurs(database); !status.ok()) return status;
  return database.Run(
      "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL;"
      "PRAGMA locking_mode = NORMAL;");
}

absl::StatusOr<SqliteDatabase> OpenWith(
    const std::string& path, absl::Status (&use_journal)(SqliteDatabase&)) {
  absl::StatusOr<SqliteDatabase> database = SqliteDatabase::Open(path);
  if (!database.ok()) return database.status();
  if (absl::Status status = use_journal(*database); !status.ok()) return status;
  // The first read under the new modes: it opens the log, which fails without
  // shared memory, and lets an exclusive lock go, so that backups can be made.
  const auto read = database->Integer("PRAGMA user_version");
  if (!read.ok()) return read.status();
  return database;
}

}  // namespace

absl::StatusOr<SqliteDatabase> OpenStoreDatabase(const std::string& path) {
  absl::StatusOr<SqliteDatabase> database = OpenWith(path, UseWriteAheadLog);
  if (!absl::IsUnimplemented(database.status())) return database;
  LogWarning(
      "store_without_shared_memory",
      {{"path", path}, {"error", std::string(database.status().message())}});
  return OpenWith(path, UseRollbackJournal);
}

}  // namespace tcptool::server
