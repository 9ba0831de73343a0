// Which request created which session, so that a retry creates no second one.
#ifndef TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_
#define TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/store/store.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Not for several threads.
class RequestIds {
 public:
  static constexpr absl::Duration kKept = absl::Hours(1);
  static constexpr size_t kMax = 100'000;  // The oldest go first.

  // `store` outlives it, and keeps what is added.
  explicit RequestIds(Store& store) : store_(store) {}

  // SHA-256 of the request as the client sent it.
  static std::string Fingerprint(const v1::CreateSessionRequest& request);

  // Forgets ids that are too old. Then returns the name of the session that
  // this request has created; none if its id is new or empty. ALREADY_EXISTS:
  // the id was used by a different request. NOT_FOUND: that session was deleted
  // since, even if another one has its name now.
  absl::StatusOr<std::optional<std::string>> Lookup(
      const std::string& id, const std::string& fingerprint, absl::Time now);

  // Does nothing if the id is empty.
  void Add(StoredRequest request);
  // Adds a request that was read from the store.
  void Restore(StoredRequest request);
  // The request has created no session after all.
  void Remove(const std::string& id);
  // A session was deleted, for whatever reason.
  void OnSessionDeleted(const std::string& session_name);

 private:
  Store& store_;
  absl::flat_hash_map<std::string, StoredRequest> made_;
  // The ids of requests whose session exists, by its name.
  absl::flat_hash_map<std::string, std::string> by_session_;
  std::deque<std::pair<absl::Time, std::string>> order_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_
