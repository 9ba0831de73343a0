#include "server/store/store_writer.h"

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace tcptool::server {
namespace {

absl::Status WriteSession(SqliteDatabase& database, const std::string& name,
                          const StoreChanges::SessionChange& change) {
  if (change.deleted) {
    absl::Status status =
        database.Run("DELETE FROM recipients WHERE session_name = ?", name);
    if (status.ok()) {
      status = database.Run("DELETE FROM sessions WHERE name = ?", name);
    }
    if (!status.ok()) return status;
  }
  if (change.row) {
    const StoreChanges::SessionRow& row = *change.row;
    const auto number = static_cast<int64_t>(row.extra.number);
    const auto last_recipient = static_cast<int64_t>(row.extra.last_recipient);
    const int64_t upload_begun = row.extra.upload_begun ? 1 : 0;
    const absl::Status status =
        row.spec
            ? database.Run(
                  "INSERT INTO sessions (number, name, spec, status,"
                  " last_recipient, upload_begun, content)"
                  " VALUES (NULLIF(?, 0), ?, ?, ?, ?, ?, ?)"
                  " ON CONFLICT (name) DO UPDATE SET"
                  " spec = excluded.spec,"
                  " status = excluded.status,"
                  " last_recipient = excluded.last_recipient,"
                  " upload_begun = excluded.upload_begun,"
                  " content = excluded.content",
                  number, name, SqliteBlob{*row.spec}, SqliteBlob{row.status},
                  last_recipient, upload_begun, row.extra.content)
            : database.Run(
                  "UPDATE sessions SET status = ?, last_recipient = ?,"
                  " upload_begun = ?, content = ? WHERE name = ?",
                  SqliteBlob{row.status}, last_recipient, upload_begun,
                  row.extra.content, name);
    if (!status.ok()) return status;
  }
  if (change.last_kept_recipient) {
    const absl::Status status = database.Run(
        "DELETE FROM recipients WHERE session_name = ? AND number > ?", name,
        static_cast<int64_t>(*change.last_kept_recipient));
    if (!status.ok()) return status;
  }
  for (const auto& [number, recipient] : change.recipients) {
    const auto id = static_cast<int64_t>(number);
    const absl::Status status =
        recipient
            ? database.Run("INSERT OR REPLACE INTO recipients VALUES (?, ?, ?)",
                           name, id, SqliteBlob{*recipient})
            : database.Run(
                  "DELETE FROM recipients"
                  " WHERE session_name = ? AND number = ?",
                  name, id);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status WriteReception(SqliteDatabase& database, const std::string& name,
                            const StoreChanges::ReceptionChange& change) {
  if (change.deleted) {
    const absl::Status status =
        database.Run("DELETE FROM receptions WHERE name = ?", name);
    if (!status.ok()) return status;
  }
  if (!change.status) return absl::OkStatus();
  if (!change.spec) {
    return database.Run(
        "UPDATE receptions SET status = ?,"
        " mark = coalesce(nullif(?, ''), mark) WHERE name = ?",
        SqliteBlob{*change.status}, change.extra.mark, name);
  }
  return database.Run(
      "INSERT INTO receptions (number, name, spec, status, partial_id, mark)"
      " VALUES (?, ?, ?, ?, ?, ?)"
      " ON CONFLICT (name) DO UPDATE SET status = excluded.status",
      static_cast<int64_t>(change.extra.number), name, SqliteBlob{*change.spec},
      SqliteBlob{*change.status}, change.extra.partial_id, change.extra.mark);
}

absl::Status WriteAll(SqliteDatabase& database, const StoreChanges& changes) {
  for (const auto& [name, change] : changes.sessions()) {
    const absl::Status status = WriteSession(database, name, change);
    if (!status.ok()) return status;
  }
  for (const auto& [name, change] : changes.receptions()) {
    const absl::Status status = WriteReception(database, name, change);
    if (!status.ok()) return status;
  }
  for (const auto& [key, request] : changes.requests()) {
    const auto kind = static_cast<int64_t>(key.first);
    const absl::Status status =
        request ? database.Run(
                      "INSERT OR REPLACE INTO requests"
                      " (kind, id, time, name, fingerprint, deleted)"
                      " VALUES (?, ?, ?, ?, ?, ?)",
                      kind, key.second, absl::ToUnixMicros(request->time),
                      request->name, SqliteBlob{request->fingerprint},
                      int64_t{request->deleted})
                : database.Run("DELETE FROM requests WHERE kind = ? AND id = ?",
                               kind, key.second);
    if (!status.ok()) return status;
  }
  for (const auto& [port, end] : changes.port_uses()) {
    const absl::Status status =
        database.Run("INSERT OR REPLACE INTO port_uses VALUES (?, ?)",
                     int64_t{port}, absl::ToUnixMicros(end));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteChanges(SqliteDatabase& database,
                          const StoreChanges& changes) {
  absl::Status status = database.Run("BEGIN IMMEDIATE");
  if (!status.ok()) return status;
  status = WriteAll(database, changes);
  if (status.ok()) status = database.Run("COMMIT");
  // After some errors it has been rolled back already.
  if (!status.ok()) database.Run("ROLLBACK").IgnoreError();
  return status;
}

}  // namespace tcptool::server
