// What the store keeps.
#ifndef TCPTOOL_SERVER_STORE_STORED_H_
#define TCPTOOL_SERVER_STORE_STORED_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// What a request has created. The numbers are stored.
enum class RequestKind : uint8_t { kSession = 0, kReception = 1 };

// A request that has created something. Requests of different kinds may have
// the same id.
struct StoredRequest {
  std::string id;
  absl::Time time;
  std::string name;         // Of what it has created.
  std::string fingerprint;  // Of the request; see RequestIds.
  bool deleted = false;     // What it has created.
  RequestKind kind = RequestKind::kSession;
};

// What is stored of a session beside its message.
struct SessionExtra {
  // Its place in the order of creation, from 1; see SessionTable::Insert(). 0:
  // the next one.
  uint64_t number = 0;
  // No recipient of the session has had a higher number.
  uint64_t last_recipient = 0;
  // Part of the content was in memory, and a restart loses it.
  bool upload_begun = false;
  // Which content of its file it serves; see SessionSource::content. Empty: it
  // has no file.
  std::string content;
};

struct StoredSession {
  v1::Session session;
  std::vector<v1::Recipient> recipients;  // By number.
  SessionExtra extra;
};

// What is stored of a reception beside its message.
struct ReceptionExtra {
  // Its place in the order of creation, from 1.
  uint64_t number = 0;
  // The id of its partial file; see dataplane::Destination.
  std::string partial_id;
  // Of its whole file, which is about to get its name, or has it: see
  // dataplane::MarkOf(). Empty: it is not yet there.
  std::string mark;
};

struct StoredReception {
  v1::Reception reception;
  ReceptionExtra extra;
};

// When a session gave its data port back.
struct StoredPortUse {
  uint16_t port = 0;
  absl::Time end;
};

struct StoredContents {
  std::vector<StoredSession> sessions;      // In the order of creation.
  std::vector<StoredReception> receptions;  // The same.
  std::vector<StoredRequest> requests;      // The oldest first.
  std::vector<StoredPortUse> port_uses;     // One for each port.
  // Higher than any revision of earlier runs.
  int64_t first_revision = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORED_H_
