// The tables that the state is in, and how an older database gets them.
#ifndef TCPTOOL_SERVER_STORE_STORE_SCHEMA_H_
#define TCPTOOL_SERVER_STORE_STORE_SCHEMA_H_

#include "absl/status/status.h"
#include "server/store/sqlite.h"

namespace tcptool::server {

// Checks that the database is whole, ours (application_id) and not newer than
// this program (user_version), and only then changes it: to the newest schema.
// FAILED_PRECONDITION or DATA_LOSS say why not.
absl::Status UpdateSchema(SqliteDatabase& database);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_SCHEMA_H_
