#include "server/store/store_reader.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "server/api/names.h"

namespace tcptool::server {
namespace {

// In the form that a stored row must have.
template <typename Message>
absl::Status Parse(const std::string& bytes, Message& message) {
  if (message.ParseFromString(bytes)) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("a row is no ", message.GetTypeName()));
}

absl::Status ReadSessions(SqliteDatabase& database, StoredContents& contents) {
  auto rows = database.Prepare(
      "SELECT name, spec, status, last_recipient, upload_begun, number,"
      " content FROM sessions ORDER BY number");
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
    stored.extra = {.number = static_cast<uint64_t>(rows->Integer(5)),
                    .last_recipient = static_cast<uint64_t>(rows->Integer(3)),
                    .upload_begun = rows->Integer(4) != 0,
                    .content = rows->Bytes(6)};
  }
  return row.status();
}

absl::Status ReadRecipients(SqliteDatabase& database,
                            StoredContents& contents) {
  auto rows = database.Prepare(
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

absl::Status ReadReceptions(SqliteDatabase& database,
                            StoredContents& contents) {
  auto rows = database.Prepare(
      "SELECT name, spec, status, partial_id, number, mark FROM receptions"
      " ORDER BY number");
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> row = rows->Step();
  for (; row.ok() && *row; row = rows->Step()) {
    StoredReception& stored = contents.receptions.emplace_back();
    absl::Status status = Parse(rows->Bytes(2), stored.reception);
    status.Update(Parse(rows->Bytes(1), *stored.reception.mutable_spec()));
    if (!status.ok()) return status;
    if (stored.reception.name() != rows->Bytes(0)) {
      return absl::DataLossError("a reception has another's name");
    }
    stored.extra = {.number = static_cast<uint64_t>(rows->Integer(4)),
                    .partial_id = rows->Bytes(3),
                    .mark = rows->Bytes(5)};
  }
  return row.status();
}

absl::Status ReadRequests(SqliteDatabase& database, StoredContents& contents) {
  auto rows = database.Prepare(
      "SELECT id, time, name, fingerprint, deleted, kind"
      " FROM requests ORDER BY time");
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> row = rows->Step();
  for (; row.ok() && *row; row = rows->Step()) {
    contents.requests.push_back(
        {.id = rows->Bytes(0),
         .time = absl::FromUnixMicros(rows->Integer(1)),
         .name = rows->Bytes(2),
         .fingerprint = rows->Bytes(3),
         .deleted = rows->Integer(4) != 0,
         .kind = static_cast<RequestKind>(rows->Integer(5))});
  }
  return row.status();
}

absl::Status ReadPortUses(SqliteDatabase& database, StoredContents& contents) {
  auto rows = database.Prepare("SELECT port, time FROM port_uses");
  if (!rows.ok()) return rows.status();
  absl::StatusOr<bool> row = rows->Step();
  for (; row.ok() && *row; row = rows->Step()) {
    contents.port_uses.push_back(
        {.port = static_cast<uint16_t>(rows->Integer(0)),
         .end = absl::FromUnixMicros(rows->Integer(1))});
  }
  return row.status();
}

}  // namespace

absl::StatusOr<StoredContents> ReadContents(SqliteDatabase& database) {
  StoredContents contents;
  absl::Status status = ReadSessions(database, contents);
  if (status.ok()) status = ReadRecipients(database, contents);
  if (status.ok()) status = ReadReceptions(database, contents);
  if (status.ok()) status = ReadRequests(database, contents);
  if (status.ok()) status = ReadPortUses(database, contents);
  if (!status.ok()) return status;
  return contents;
}

}  // namespace tcptool::server
