// Which request created which session, or reception, so that a retry creates no
// second one.
#ifndef TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_
#define TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_

#include <google/protobuf/message_lite.h>

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "dataplane/base/clock.h"
#include "server/store/store.h"

namespace tcptool::server {

// The ids of the requests of one kind: for sessions, or for receptions. Not for
// several threads.
class RequestIds {
 public:
  using Clock = dataplane::Clock;

  static constexpr std::chrono::hours kKept{1};
  static constexpr size_t kMax = 100'000;  // The oldest go first.

  // `store` outlives it, and keeps what is added.
  RequestIds(Store& store, RequestKind kind) : store_(store), kind_(kind) {}

  // SHA-256 of the request as the client sent it.
  static std::string Fingerprint(const google::protobuf::MessageLite& request);

  // Forgets the ids that are older than kKept, and those beyond kMax.
  void ForgetOld(Clock::time_point now);
  // The name of what this request has created; none if its id is new or empty.
  // ALREADY_EXISTS: the id was used by a different request. NOT_FOUND: what it
  // has created was deleted since, even if something else has the name now.
  absl::StatusOr<std::optional<std::string>> Find(
      const std::string& id, const std::string& fingerprint) const;

  // Does nothing if the id is empty. Sets the request's kind.
  void Add(StoredRequest request);
  // Adds a request that was read from the store, if it is of this kind.
  void Restore(StoredRequest request);
  // The request has created nothing after all.
  void Remove(const std::string& id);
  // What has this name was deleted, for whatever reason.
  void OnDeleted(const std::string& name);

 private:
  struct Made {
    StoredRequest request;
    Clock::time_point time;
  };

  Store& store_;
  const RequestKind kind_;
  absl::flat_hash_map<std::string, Made> made_;
  // The ids of requests, by the name of what they have created, if it exists.
  absl::flat_hash_map<std::string, std::string> by_name_;
  std::deque<std::pair<Clock::time_point, std::string>> order_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_REQUEST_IDS_H_
