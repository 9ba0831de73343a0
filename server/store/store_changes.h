// The changes to be written: of each object the newest.
#ifndef TCPTOOL_SERVER_STORE_STORE_CHANGES_H_
#define TCPTOOL_SERVER_STORE_STORE_CHANGES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "server/store/stored.h"

namespace tcptool::server {

// Not for several threads.
class StoreChanges {
 public:
  struct SessionRow {
    std::optional<std::string> spec;  // None: as it was written before.
    std::string status;
    SessionExtra extra;
  };
  struct SessionChange {
    // The existing rows are deleted before the others are written.
    bool deleted = false;
    std::optional<SessionRow> row;
    // Recipients with higher numbers are deleted before those below are
    // written.
    std::optional<uint64_t> last_kept_recipient;
    // By number; no value: the row is deleted.
    std::map<uint64_t, std::optional<std::string>> recipients;
  };
  struct ReceptionChange {
    // The existing row is deleted before the other is written.
    bool deleted = false;
    // Of a new row; the mark of an old one too, if there is one.
    std::optional<std::string> spec;
    ReceptionExtra extra;
    // None: there is no row to be written.
    std::optional<std::string> status;
  };
  using RequestKey = std::pair<RequestKind, std::string>;

  // As the methods of Store.
  void PutSession(const v1::Session& session, const SessionExtra& extra);
  void PutRecipient(const v1::Recipient& recipient);
  void DeleteRecipient(const std::string& session_name, uint64_t number);
  void DeleteRecipientsAbove(const std::string& session_name, uint64_t number);
  void DeleteSession(const std::string& name);
  void PutReception(const v1::Reception& reception,
                    const ReceptionExtra& extra);
  void DeleteReception(const std::string& name);
  void PutRequest(StoredRequest request);
  void DeleteRequest(RequestKind kind, const std::string& id);
  void PutPortUse(const StoredPortUse& use) { port_uses_[use.port] = use.end; }

  // Adds later changes, which replace earlier ones of the same object.
  void Merge(StoreChanges&& newer);

  bool empty() const {
    return sessions_.empty() && receptions_.empty() && requests_.empty() &&
           port_uses_.empty();
  }
  const std::map<std::string, SessionChange>& sessions() const {
    return sessions_;
  }
  const std::map<std::string, ReceptionChange>& receptions() const {
    return receptions_;
  }
  // No value: the row is deleted.
  const std::map<RequestKey, std::optional<StoredRequest>>& requests() const {
    return requests_;
  }
  const std::map<uint16_t, absl::Time>& port_uses() const { return port_uses_; }

 private:
  static void Merge(SessionChange& older, SessionChange&& newer);
  static void Merge(ReceptionChange& older, ReceptionChange&& newer);

  std::map<std::string, SessionChange> sessions_;
  std::map<std::string, ReceptionChange> receptions_;
  std::map<RequestKey, std::optional<StoredRequest>> requests_;
  std::map<uint16_t, absl::Time> port_uses_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_STORE_STORE_CHANGES_H_
