#include "server/store/store_schema.h"

#include <cstdint>
#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

constexpr int64_t kApplicationId = 0x74637074;  // "tcpt"

// Each upgrades a database from the version that is its index to the next one.
// Released ones never change; new ones are added at the end.
constexpr const char* kMigrations[] = {
    // spec: a v1.SessionSpec; status: a v1.Session without it, or a
    // v1.Recipient. time: microseconds since 1970, UTC.
    "CREATE TABLE sessions ("
    "  number INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  spec BLOB NOT NULL,"
    "  status BLOB NOT NULL,"
    "  last_recipient INTEGER NOT NULL,"
    "  upload_begun INTEGER NOT NULL"
    ") STRICT;"
    "CREATE TABLE recipients ("
    "  session_name TEXT NOT NULL,"
    "  number INTEGER NOT NULL,"
    "  status BLOB NOT NULL,"
    "  PRIMARY KEY (session_name, number)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE TABLE requests ("
    "  id TEXT PRIMARY KEY,"
    "  time INTEGER NOT NULL,"
    "  session_name TEXT NOT NULL,"
    "  fingerprint BLOB NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX requests_by_time ON requests (time);"
    // One row: where the revisions of the next run begin.
    "CREATE TABLE revisions (next INTEGER NOT NULL) STRICT;"
    "INSERT INTO revisions VALUES (0);",
    // 1: the session that the request created was deleted since.
    "ALTER TABLE requests"
    "  ADD COLUMN session_deleted INTEGER NOT NULL DEFAULT 0;",
    // 2: receptions. spec: a v1.ReceptionSpec; status: a v1.Reception without
    // it; kind: RequestKind.
    "CREATE TABLE receptions ("
    "  number INTEGER PRIMARY KEY,"
    "  name TEXT NOT NULL UNIQUE,"
    "  spec BLOB NOT NULL,"
    "  status BLOB NOT NULL,"
    "  partial_id TEXT NOT NULL"
    ") STRICT;"
    "CREATE TABLE requests_of_kinds ("
    "  kind INTEGER NOT NULL,"
    "  id TEXT NOT NULL,"
    "  time INTEGER NOT NULL,"
    "  name TEXT NOT NULL,"
    "  fingerprint BLOB NOT NULL,"
    "  deleted INTEGER NOT NULL,"
    "  PRIMARY KEY (kind, id)"
    ") STRICT, WITHOUT ROWID;"
    "INSERT INTO requests_of_kinds"
    "  SELECT 0, id, time, session_name, fingerprint, session_deleted"
    "  FROM requests;"
    "DROP TABLE requests;"
    "ALTER TABLE requests_of_kinds RENAME TO requests;"
    "CREATE INDEX requests_by_time ON requests (time);",
    // 3: SessionExtra::content.
    "ALTER TABLE sessions ADD COLUMN content TEXT NOT NULL DEFAULT '';",
    // 4: StoredPortUse: sessions may have been deleted since.
    "CREATE TABLE port_uses ("
    "  port INTEGER PRIMARY KEY,"
    "  time INTEGER NOT NULL"
    ") STRICT;",
    // 5: ReceptionExtra::mark.
    "ALTER TABLE receptions ADD COLUMN mark TEXT NOT NULL DEFAULT '';",
};
constexpr int64_t kVersion = std::size(kMigrations);

absl::Status CheckWhole(SqliteDatabase& database) {
  auto check = database.Prepare("PRAGMA quick_check(1)");
  if (!check.ok()) return check.status();
  const auto row = check->Step();
  if (!row.ok()) return row.status();
  const std::string result = *row ? check->Bytes(0) : "no answer";
  if (result != "ok") return absl::DataLossError(result);
  return absl::OkStatus();
}

// The version of the schema; 0: the database is empty.
absl::StatusOr<int64_t> Version(SqliteDatabase& database) {
  const auto objects = database.Integer("SELECT count(*) FROM sqlite_schema");
  if (!objects.ok()) return objects.status();
  const auto application = database.Integer("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const auto version = database.Integer("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*objects == 0 && *application == 0 && *version == 0) return 0;
  if (*application != kApplicationId) {
    return absl::FailedPreconditionError(
        "it is the database of another program");
  }
  if (*version > kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("it was written by a newer tcptoold (schema ", *version,
                     "; this one knows ", kVersion, "); start that one"));
  }
  return *version;
}

}  // namespace

absl::Status UpdateSchema(SqliteDatabase& database) {
  if (absl::Status status = CheckWhole(database); !status.ok()) return status;
  const auto version = Version(database);
  if (!version.ok()) return version.status();
  for (int64_t next = *version; next < kVersion; ++next) {
    const absl::Status status = database.Run(absl::StrCat(
        "BEGIN IMMEDIATE;", kMigrations[next], "PRAGMA application_id = ",
        kApplicationId, "; PRAGMA user_version = ", next + 1, "; COMMIT;"));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace tcptool::server
