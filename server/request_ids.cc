#include "server/request_ids.h"

#include <google/protobuf/util/message_differencer.h>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::StatusOr<std::optional<std::string>> RequestIds::Find(
    const v1::CreateSessionRequest& request, absl::Time now) {
  while (!order_.empty() &&
         (now - order_.front().first > kKept || order_.size() > kMax)) {
    made_.erase(order_.front().second);
    order_.pop_front();
  }
  const auto found = made_.find(request.request_id());
  if (found == made_.end()) return std::nullopt;
  if (!google::protobuf::util::MessageDifferencer::Equals(found->second.request,
                                                          request)) {
    return absl::AlreadyExistsError(absl::StrCat(
        "request_id: \"", request.request_id(),
        "\" came with another request before, which made ",
        found->second.session_name, "; choose a new id for each session"));
  }
  return found->second.session_name;
}

void RequestIds::Add(const v1::CreateSessionRequest& request,
                     std::string session_name, absl::Time now) {
  if (request.request_id().empty()) return;
  made_[request.request_id()] = {request, std::move(session_name)};
  order_.emplace_back(now, request.request_id());
}

}  // namespace tcptool::server
