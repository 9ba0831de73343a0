#include "server/receptions/reception_uploads.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/push_upstream.h"

namespace tcptool::server {

using dataplane::PushedContent;

void ReceptionUploads::Expect(const std::string& reception) {
  absl::MutexLock lock(&mutex_);
  Content& content = contents_[reception];
  if (content == nullptr) content = std::make_shared<PushedContent>();
}

absl::StatusOr<std::unique_ptr<ReceptionUpload>> ReceptionUploads::Begin(
    const std::string& reception, const std::string& name) {
  absl::MutexLock lock(&mutex_);
  const auto found = contents_.find(reception);
  if (found == contents_.end()) {
    return absl::UnavailableError(absl::StrCat(
        "the node has not begun its part in ", name, " yet; try again"));
  }
  const auto goes_on = [](const auto& one) {
    return one.second->has_begun() && !one.second->result();
  };
  if (!found->second->has_begun() &&
      std::ranges::count_if(contents_, goes_on) >=
          static_cast<std::ptrdiff_t>(kMost)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the node has ", kMost,
        " uploads of distributions that are not finished, as many as it "
        "takes; wait for one of them"));
  }
  if (!found->second->Begin()) {
    return absl::FailedPreconditionError(absl::StrCat(
        name,
        " has an upload already, or had one, and content is sent once; create "
        "another distribution, or try this one again if it has failed"));
  }
  return std::make_unique<ReceptionUpload>(name, found->second);
}

bool ReceptionUploads::HasBegun(const std::string& reception) const {
  const Content content = Find(reception);
  return content != nullptr && content->has_begun();
}

absl::Status ReceptionUploads::FailureOf(const std::string& reception) const {
  const Content content = Find(reception);
  return content == nullptr ? absl::OkStatus() : content->failure();
}

std::unique_ptr<dataplane::Upstream> ReceptionUploads::NewUpstream(
    const std::string& reception) const {
  Content content = Find(reception);
  if (content == nullptr) {
    content = std::make_shared<PushedContent>();
    content->Fail(absl::UnavailableError("there is no upload for it"));
  }
  return std::make_unique<dataplane::PushUpstream>(std::move(content));
}

void ReceptionUploads::Finish(const std::string& reception,
                              const absl::Status& result) {
  if (const Content content = Find(reception)) content->Finish(result);
}

void ReceptionUploads::Forget(const std::string& reception,
                              const absl::Status& result) {
  Content content;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = contents_.find(reception);
    if (found == contents_.end()) return;
    content = std::move(found->second);
    contents_.erase(found);
  }
  content->Finish(result);
}

ReceptionUploads::Content ReceptionUploads::Find(
    const std::string& reception) const {
  absl::MutexLock lock(&mutex_);
  const auto found = contents_.find(reception);
  return found == contents_.end() ? nullptr : found->second;
}

}  // namespace tcptool::server
