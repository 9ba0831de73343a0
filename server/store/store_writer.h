// Writes changes into the database.
#ifndef TCPTOOL_SERVER_STORE_STORE_WRITER_H_
#define TCPTOOL_SERVER_STORE_STORE_WRITER_H_

#include "absl/status/status.h"
#include "server/store/sqlite.h"
#include "server/store/store_changes.h"

namespace tcptool::server {

// In one transaction: all of them, or none on an error. Waits for the disk.
absl::Status WriteChanges(SqliteDatabase& database,
                          const StoreChanges& changes);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_WRITER_H_
