#include "server/receptions/reception_uploads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/push_upstream.h"
#include "server/api/errors.h"

namespace tcptool::server {

using dataplane::PushedContent;

namespace {

absl::Status Stopping() {
  return Unavailable(
      v1::ERROR_REASON_SERVICE_STOPPING,
      "the service is stopping; upload again when it has started");
}

}  // namespace

void ReceptionUploads::Expect(const std::string& reception) {
  absl::MutexLock lock(&mutex_);
  DropBroken();
  Entry& entry = entries_[reception];
  entry.is_expected = true;
  if (entry.content == nullptr) {
    entry.content = std::make_shared<PushedContent>();
  }
}

absl::StatusOr<std::unique_ptr<ReceptionUpload>> ReceptionUploads::Begin(
    const std::string& reception, const std::string& name) {
  absl::MutexLock lock(&mutex_);
  DropBroken();
  const auto found = entries_.find(reception);
  if (found != entries_.end() && found->second.content->has_begun()) {
    return FailedPrecondition(
        v1::ERROR_REASON_UPLOAD_TAKEN, name,
        absl::StrCat(
            name,
            " has an upload already, or had one, and content is sent once; "
            "create another distribution, or try this one again if it has "
            "failed"));
  }
  if (found == entries_.end() && stopped_) return Stopping();
  if (!HasRoom()) {
    return Exhausted(
        v1::ERROR_REASON_TOO_MANY_UPLOADS, "uploads of distributions",
        absl::StrCat(
            "the node has ", kMost,
            " uploads of distributions that are not finished, as many as it "
            "takes; wait for one of them"));
  }
  Entry& entry = entries_[reception];
  if (!entry.is_expected) {
    entry.content = std::make_shared<PushedContent>();
    entry.since = Clock::now();
  }
  entry.name = name;
  entry.content->Begin();
  return std::make_unique<ReceptionUpload>(name, entry.content);
}

void ReceptionUploads::DropBroken() {
  std::erase_if(entries_, [](const auto& one) {
    const Entry& entry = one.second;
    return !entry.is_expected && !entry.content->failure().ok();
  });
}

bool ReceptionUploads::HasRoom() const {
  const auto goes_on = [](const auto& one) {
    const PushedContent& content = *one.second.content;
    return content.has_begun() && !content.result();
  };
  return std::ranges::count_if(entries_, goes_on) <
         static_cast<std::ptrdiff_t>(kMost);
}

void ReceptionUploads::BeginTry(const std::string& reception) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(reception);
  if (found != entries_.end()) found->second.is_tried = true;
}

void ReceptionUploads::SetHindrance(const std::string& reception,
                                    const absl::Status& why) {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(reception);
  if (found == entries_.end()) return;
  Entry& entry = found->second;
  entry.is_tried = false;
  if (!entry.content->has_begun()) return;
  if (entry.hindrance.ok()) entry.since = Clock::now();
  entry.hindrance = why;
}

void ReceptionUploads::EndOverdue(Clock::time_point now) {
  for (const Entry& entry : TakeHindered(now - kPatience)) {
    entry.content->Finish(
        Unavailable(v1::ERROR_REASON_NOT_READY,
                    absl::StrCat("the upload has waited ", kPatience.count(),
                                 " s for the node to begin to receive ",
                                 entry.name, ": ", entry.hindrance.message())));
  }
  for (const Entry& entry : TakeUnexpected(now - kPatience)) {
    entry.content->Finish(Unavailable(
        v1::ERROR_REASON_NOT_READY,
        absl::StrCat(
            "the upload has waited ", kPatience.count(),
            " s for the node to begin its part in ", entry.name,
            ", which it does once it is registered in its fleet; its log says "
            "what keeps it from that (fleet_node_refused, etcd_trouble): see "
            "to it, and upload again")));
  }
}

void ReceptionUploads::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
  }
  for (const Entry& entry : TakeUnexpected(Clock::time_point::max())) {
    entry.content->Finish(Stopping());
  }
}

std::vector<ReceptionUploads::Entry> ReceptionUploads::TakeUnexpected(
    Clock::time_point since) {
  absl::MutexLock lock(&mutex_);
  std::vector<Entry> taken;
  for (auto at = entries_.begin(); at != entries_.end();) {
    if (at->second.is_expected || at->second.since > since) {
      ++at;
    } else {
      taken.push_back(std::move(at->second));
      at = entries_.erase(at);
    }
  }
  return taken;
}

std::vector<ReceptionUploads::Entry> ReceptionUploads::TakeHindered(
    Clock::time_point since) {
  absl::MutexLock lock(&mutex_);
  std::vector<Entry> taken;
  for (auto& [reception, entry] : entries_) {
    if (entry.is_tried || entry.hindrance.ok() || entry.since > since) {
      continue;
    }
    taken.push_back(std::move(entry));
    entry = {.content = std::make_shared<PushedContent>(), .is_expected = true};
  }
  return taken;
}

bool ReceptionUploads::HasBegun(const std::string& reception) const {
  const Content content = FindExpected(reception);
  return content != nullptr && content->has_begun();
}

absl::Status ReceptionUploads::FailureOf(const std::string& reception) const {
  const Content content = FindExpected(reception);
  return content == nullptr ? absl::OkStatus() : content->failure();
}

std::unique_ptr<dataplane::Upstream> ReceptionUploads::NewUpstream(
    const std::string& reception) const {
  Content content = FindExpected(reception);
  if (content == nullptr) {
    content = std::make_shared<PushedContent>();
    content->Fail(absl::UnavailableError("there is no upload for it"));
  }
  return std::make_unique<dataplane::PushUpstream>(std::move(content));
}

void ReceptionUploads::Finish(const std::string& reception,
                              const absl::Status& result) {
  Entry entry;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(reception);
    if (found == entries_.end()) return;
    entry = found->second;
  }
  entry.content->Finish(
      result.ok() && !entry.is_expected
          ? FailedPrecondition(
                v1::ERROR_REASON_UPLOAD_TAKEN, entry.name,
                absl::StrCat(entry.name,
                             " has its content already, from an upload before"))
          : result);
}

void ReceptionUploads::Forget(const std::string& reception,
                              const absl::Status& result) {
  Content content;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = entries_.find(reception);
    if (found == entries_.end()) return;
    content = std::move(found->second.content);
    entries_.erase(found);
  }
  content->Finish(result);
}

ReceptionUploads::Content ReceptionUploads::FindExpected(
    const std::string& reception) const {
  absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(reception);
  return found == entries_.end() || !found->second.is_expected
             ? nullptr
             : found->second.content;
}

}  // namespace tcptool::server
