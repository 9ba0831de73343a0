#include "server/sessions/request_ids.h"

#include <openssl/evp.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/deterministic.h"

namespace tcptool::server {

std::string RequestIds::Fingerprint(const v1::CreateSessionRequest& request) {
  const std::string bytes = SerializeDeterministically(request);
  std::string digest(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &size,
             EVP_sha256(), nullptr);
  digest.resize(size);
  return digest;
}

absl::StatusOr<std::optional<std::string>> RequestIds::Lookup(
    const std::string& id, const std::string& fingerprint, absl::Time now) {
  while (!order_.empty() &&
         (now - order_.front().first > kKept || order_.size() > kMax)) {
    // The id may have been used again since.
    const auto oldest = made_.find(order_.front().second);
    if (oldest != made_.end() && oldest->second.time == order_.front().first) {
      Remove(std::string(oldest->first));
    }
    order_.pop_front();
  }
  const auto found = made_.find(id);
  if (found == made_.end()) return std::nullopt;
  if (found->second.fingerprint != fingerprint) {
    return absl::AlreadyExistsError(absl::StrCat(
        "request_id: \"", id,
        "\" came with another request before, which made ",
        found->second.session_name, "; choose a new id for each session"));
  }
  if (found->second.session_deleted) {
    return absl::NotFoundError(absl::StrCat(
        "request_id: \"", id, "\" has made ", found->second.session_name,
        ", which was deleted since; choose a new id for another session"));
  }
  return found->second.session_name;
}

void RequestIds::Add(StoredRequest request) {
  if (request.id.empty()) return;
  store_.PutRequest(request);
  Restore(std::move(request));
}

void RequestIds::Restore(StoredRequest request) {
  order_.emplace_back(request.time, request.id);
  const std::string id = request.id;
  if (!request.session_deleted) by_session_[request.session_name] = id;
  made_[id] = std::move(request);
}

void RequestIds::Remove(const std::string& id) {
  const auto found = made_.find(id);
  if (found == made_.end()) return;
  if (!found->second.session_deleted) {
    by_session_.erase(found->second.session_name);
  }
  made_.erase(found);
  store_.DeleteRequest(id);
}

void RequestIds::OnSessionDeleted(const std::string& session_name) {
  const auto found = by_session_.find(session_name);
  if (found == by_session_.end()) return;
  StoredRequest& request = made_.at(found->second);
  request.session_deleted = true;
  store_.PutRequest(request);
  by_session_.erase(found);
}

}  // namespace tcptool::server
