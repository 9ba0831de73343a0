// SQLite's C API, with its objects owned and its errors as absl::Status.
#ifndef TCPTOOL_SERVER_STORE_SQLITE_H_
#define TCPTOOL_SERVER_STORE_SQLITE_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/node_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {

// A value that is stored as it is, and not taken for text.
struct SqliteBlob {
  absl::string_view bytes;
};

// A prepared statement. Not thread-safe; destroy it before its database.
class SqliteStatement {
 public:
  // Parameters count from 1. The bytes are copied.
  void Bind(int parameter, int64_t value);
  void Bind(int parameter, absl::string_view value);
  void Bind(int parameter, SqliteBlob value);

  // True: there is a row; read its columns, from 0, before the next call.
  absl::StatusOr<bool> Step();
  int64_t Integer(int column) const;
  std::string Bytes(int column) const;  // Of a text or a blob.

  // Runs it to its end, and makes it ready for the next run.
  absl::Status Run();

 private:
  friend class SqliteDatabase;
  struct Free {
    void operator()(sqlite3_stmt* statement) const {
      sqlite3_finalize(statement);
    }
  };
  explicit SqliteStatement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Free> statement_;
};

// An open database. Not for several threads at a time.
//
// A call waits for another process that holds the file, for 10 s at most.
//
// Errors: RESOURCE_EXHAUSTED the disk is full, DATA_LOSS the file is damaged or
// no database, UNIMPLEMENTED the file system has no shared memory maps, which a
// write-ahead log wants, UNAVAILABLE anything else (sqlite.org/rescode.html).
class SqliteDatabase {
 public:
  // A file, made if there is none, or ":memory:".
  static absl::StatusOr<SqliteDatabase> Open(const std::string& path);

  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql);

  // Runs statements and ignores their rows. With values it is a single
  // statement, which stays prepared: use few different ones.
  absl::Status Run(const std::string& sql);
  template <typename... Values>
  absl::Status Run(absl::string_view sql, const Values&... values) {
    auto statement = Prepared(sql);
    if (!statement.ok()) return statement.status();
    int parameter = 0;
    ((*statement)->Bind(++parameter, values), ...);
    return (*statement)->Run();
  }
  // The only column of the only row.
  absl::StatusOr<int64_t> Integer(absl::string_view sql);

  // Whether closing copies the write-ahead log (-wal) into the file (a
  // checkpoint). Default: yes.
  void set_checkpoint_on_close(bool on);

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  absl::StatusOr<SqliteStatement*> Prepared(absl::string_view sql);

  std::unique_ptr<sqlite3, Close> database_;
  absl::node_hash_map<std::string, SqliteStatement> prepared_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_SQLITE_H_
