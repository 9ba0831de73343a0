// How the database of the state is opened: its journal, and its schema.
#ifndef TCPTOOL_SERVER_STORE_STORE_DATABASE_H_
#define TCPTOOL_SERVER_STORE_STORE_DATABASE_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/store/sqlite.h"

namespace tcptool::server {

// Opens the file, which LockStateFile() has locked, or ":memory:", and brings
// its schema up to date. What is committed survives a loss of power.
//
// The journal is a write-ahead log. SQLite keeps that log's index in shared
// memory, a file beside the database that is mapped (mmap(2), MAP_SHARED);
// where the file system has no such maps, as 9p and some of FUSE, it is a
// rollback journal, which costs some more writes, and the log has
// store_without_shared_memory.
//
// FAILED_PRECONDITION and DATA_LOSS as UpdateSchema(), others as
// SqliteDatabase.
absl::StatusOr<SqliteDatabase> OpenStoreDatabase(const std::string& path);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_DATABASE_H_
