#include "server/store/sqlite.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

// How long another process, as one that makes a backup, may hold the database
// before a call fails.
constexpr int kBusySeconds = 10;

// `result` is of the last call on `database`.
absl::Status Error(sqlite3* database, int result) {
  const absl::string_view message = sqlite3_errmsg(database);
  switch (result & 0xff) {  // The primary code of an extended one.
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(message);
    case SQLITE_BUSY:
      return absl::UnavailableError(absl::StrCat(
          message, ": another process has held it for ", kBusySeconds, " s"));
    case SQLITE_IOERR:
      if (sqlite3_extended_errcode(database) == SQLITE_IOERR_SHMMAP) {
        return absl::UnimplementedError(
            "the file system has no shared memory maps (mmap(2))");
      }
      return absl::UnavailableError(message);
    default:
      return absl::UnavailableError(message);
  }
}

}  // namespace

void SqliteStatement::Bind(int parameter, int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
}

void SqliteStatement::Bind(int parameter, absl::string_view value) {
  // A null pointer would be NULL, not an empty text.
  sqlite3_bind_text(statement_.get(), parameter,
                    value.empty() ? "" : value.data(),
                    static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

void SqliteStatement::Bind(int parameter, SqliteBlob value) {
  sqlite3_bind_blob(statement_.get(), parameter,
                    value.bytes.empty() ? "" : value.bytes.data(),
                    static_cast<int>(value.bytes.size()), SQLITE_TRANSIENT);
}

absl::StatusOr<bool> SqliteStatement::Step() {
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return Error(sqlite3_db_handle(statement_.get()), result);
}

int64_t SqliteStatement::Integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string SqliteStatement::Bytes(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return size == 0 ? std::string()
                   : std::string(static_cast<const char*>(bytes),
                                 static_cast<size_t>(size));
}

absl::Status SqliteStatement::Run() {
  absl::StatusOr<bool> row = true;
  while (row.ok() && *row) row = Step();
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  return row.status();
}

absl::StatusOr<SqliteDatabase> SqliteDatabase::Open(const std::string& path) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(
      path.c_str(), &opened,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      nullptr);
  SqliteDatabase database(opened);  // To be closed, also after an error.
  if (result != SQLITE_OK) return Error(opened, result);
  sqlite3_busy_timeout(opened, kBusySeconds * 1000);
  return database;
}

absl::StatusOr<SqliteStatement> SqliteDatabase::Prepare(absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v2(database_.get(), sql.data(),
                         static_cast<int>(sql.size()), &statement, nullptr);
  if (result != SQLITE_OK) return Error(database_.get(), result);
  return SqliteStatement(statement);
}

absl::Status SqliteDatabase::Run(const std::string& sql) {
  const int result =
      sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? absl::OkStatus()
                             : Error(database_.get(), result);
}

absl::StatusOr<SqliteStatement*> SqliteDatabase::Prepared(
    absl::string_view sql) {
  const auto found = prepared_.find(sql);
  if (found != prepared_.end()) return &found->second;
  auto statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  return &prepared_.emplace(sql, *std::move(statement)).first->second;
}

absl::StatusOr<int64_t> SqliteDatabase::Integer(absl::string_view sql) {
  auto statement = Prepare(sql);
  if (!statement.ok()) return statement.status();
  const auto row = statement->Step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::DataLossError(absl::StrCat("no answer to ", sql));
  return statement->Integer(0);
}

void SqliteDatabase::set_checkpoint_on_close(bool on) {
  sqlite3_db_config(database_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                    on ? 0 : 1, nullptr);
}

}  // namespace tcptool::server
