#include "server/sessions/request_ids.h"

#include <openssl/evp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/deterministic.h"
#include "server/api/errors.h"
#include "server/base/steady_time.h"

namespace tcptool::server {
namespace {

absl::string_view TypeOf(RequestKind kind) {
  return kind == RequestKind::kSession ? kSessionType : kReceptionType;
}

}  // namespace

std::string RequestIds::Fingerprint(
    const google::protobuf::MessageLite& request) {
  const std::string bytes = SerializeDeterministically(request);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  digest.resize(size);
  return digest;
}

void RequestIds::ForgetOld(Clock::time_point now) {
  while (!order_.empty() &&
         (now - order_.front().first > kKept || order_.size() > kMax)) {
    // The id may have been used again since.
    const auto oldest = made_.find(order_.front().second);
    if (oldest != made_.end() && oldest->second.time == order_.front().first) {
      Remove(std::string(oldest->first));
    }
    order_.pop_front();
  }
}

absl::StatusOr<std::optional<std::string>> RequestIds::Find(
    const std::string& id, const std::string& fingerprint) const {
  const auto found = made_.find(id);
  if (found == made_.end()) return std::nullopt;
  if (found->second.request.fingerprint != fingerprint) {
    return AlreadyExists(
        v1::ERROR_REASON_REQUEST_ID_REUSED, TypeOf(kind_),
        found->second.request.name,
        absl::StrCat("request_id: \"", id,
                     "\" came with another request before, which made ",
                     found->second.request.name,
                     "; choose a new id for each request"));
  }
  if (found->second.request.deleted) {
    return NotFound(
        v1::ERROR_REASON_RESOURCE_DELETED, TypeOf(kind_),
        found->second.request.name,
        absl::StrCat(
            "request_id: \"", id, "\" has made ", found->second.request.name,
            ", which was deleted since; choose a new id for another request"));
  }
  return found->second.request.name;
}

void RequestIds::Add(StoredRequest request) {
  if (request.id.empty()) return;
  request.kind = kind_;
  store_.PutRequest(request);
  Restore(std::move(request));
}

void RequestIds::Restore(StoredRequest request) {
  if (request.kind != kind_) return;
  const Clock::time_point time = SteadyTimeOf(request.time);
  order_.emplace_back(time, request.id);
  const std::string id = request.id;
  if (!request.deleted) by_name_[request.name] = id;
  made_[id] = {.request = std::move(request), .time = time};
}

void RequestIds::Remove(const std::string& id) {
  const auto found = made_.find(id);
  if (found == made_.end()) return;
  if (!found->second.request.deleted) {
    by_name_.erase(found->second.request.name);
  }
  made_.erase(found);
  store_.DeleteRequest(kind_, id);
}

void RequestIds::OnDeleted(const std::string& name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  StoredRequest& request = made_.at(found->second).request;
  request.deleted = true;
  store_.PutRequest(request);
  by_name_.erase(found);
}

}  // namespace tcptool::server
