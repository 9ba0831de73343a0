// Reads the state of the previous run from the database.
#ifndef TCPTOOL_SERVER_STORE_STORE_READER_H_
#define TCPTOOL_SERVER_STORE_STORE_READER_H_

#include "absl/status/statusor.h"
#include "server/store/sqlite.h"
#include "server/store/stored.h"

namespace tcptool::server {

// All but first_revision. DATA_LOSS: a row is not what this program writes.
absl::StatusOr<StoredContents> ReadContents(SqliteDatabase& database);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_READER_H_
