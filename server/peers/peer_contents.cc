#include "server/peers/peer_contents.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/base/descriptor_reserve.h"
#include "dataplane/content/file_source.h"
#include "messages/states.h"
#include "server/api/names.h"
#include "server/receptions/received_file.h"

namespace tcptool::server {
namespace {

absl::Status IsOver(const std::string& name, absl::string_view state) {
  return absl::FailedPreconditionError(absl::StrCat(
      name, " is ", state, ": its content cannot be had from it any more"));
}

absl::Status NotBegun(const std::string& name) {
  return absl::NotFoundError(
      absl::StrCat("the node has not begun to receive ", name));
}

absl::Status NothingNow(const std::string& name, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("the node has nothing of ", name, " at the moment: ", why));
}

// What files that distributions are made from are kept under begins with this.
constexpr char kOffered[] = "distributions/";

// What the content of a distribution is kept under. One that is made under a
// name that another has had may have another file.
std::string KeyOf(const std::string& distribution,
                  const DistributedContents::Place& place) {
  if (const auto* reception = std::get_if<std::string>(&place.where)) {
    return *reception;
  }
  return absl::StrCat(kOffered, distribution, "@", place.revision);
}

// A file for other nodes. May wait for the disk.
absl::StatusOr<ReservedFiles::File> OpenAdmitted(const ContentRoot& root,
                                                 const std::string& path,
                                                 const ReservedFiles& files) {
  auto opened = root.Open(path);
  if (!opened.ok()) return opened;
  return files.Admit(*std::move(opened));
}

}  // namespace

void PeerContents::Find(const std::string& name, const Done& done) {
  if (IsDistributionName(name)) return FindDistribution(name, done);
  std::shared_ptr<PeerContent> kept;
  {
    absl::MutexLock lock(&mutex_);
    kept = FindKept(name);
  }
  if (kept != nullptr) return done(std::move(kept));
  if (IsSessionName(name)) {
    service_.sessions.Find(
        name, [self = shared_from_this(), name, done](const auto& session) {
          self->OnSession(name, session, done);
        });
  } else if (IsReceptionName(name)) {
    service_.receptions.Find(
        name, [self = shared_from_this(), name, done](const auto& reception) {
          self->OnReception(name, reception, done);
        });
  } else {
    done(absl::InvalidArgumentError(
        absl::StrCat("name: \"", name,
                     "\" is neither sessions/{session} nor "
                     "receptions/{reception} nor "
                     "distributions/{distribution}")));
  }
}

void PeerContents::FindDistribution(const std::string& name, const Done& done) {
  if (service_.distributions == nullptr) {
    return done(absl::NotFoundError(
        absl::StrCat("the node is in no fleet, and has no ", name)));
  }
  const std::string id(absl::StripPrefix(name, "distributions/"));
  const auto place = service_.distributions->Find(id);
  if (!place) {
    // Its children may have heard of it earlier.
    return done(NotBegun(name));
  }
  if (const auto* reception = std::get_if<std::string>(&place->where)) {
    return Find(*reception, [name, done](Found found) {
      const absl::Status& status = found.status();
      if (absl::IsNotFound(status)) {
        found = NotBegun(name);
      } else if (absl::IsFailedPrecondition(status)) {
        // It may be tried again: no reason for a child to give up, as only the
        // distribution's coordinator knows.
        found = NothingNow(name, status.message());
      }
      done(std::move(found));
    });
  }
  const std::string key = KeyOf(id, *place);
  std::shared_ptr<PeerContent> kept;
  {
    absl::MutexLock lock(&mutex_);
    kept = FindKept(key);
    if (const auto changed = contents_.find(key);
        kept == nullptr && changed != contents_.end()) {
      // Whoever offers it has to find out first, as the root would be another.
      return done(changed->second.content->error());
    }
  }
  if (kept != nullptr) return done(std::move(kept));
  const auto& file = std::get<DistributedContents::File>(place->where);
  using Opened = std::shared_ptr<dataplane::Source>;
  service_.roots.Run<Opened>(
      file.root,
      [files = files_,
       path = file.path](const ContentRoot& root) -> absl::StatusOr<Opened> {
        auto opened = OpenAdmitted(root, path, files);
        if (!opened.ok()) return opened.status();
        return dataplane::FileSource::Create(*std::move(opened), 0,
                                             std::nullopt);
      },
      [self = shared_from_this(), key,
       done](const absl::StatusOr<Opened>& opened) {
        if (!opened.ok()) return done(opened.status());
        done(self->Keep(key, ContentOf(self->service_.engine, *opened)));
      });
}

DistributedContents::Limits PeerContents::LimitsOf(
    const std::string& name) const {
  if (service_.distributions == nullptr || !IsDistributionName(name)) return {};
  const auto place = service_.distributions->Find(
      std::string(absl::StripPrefix(name, "distributions/")));
  if (!place) return {};
  return place->limits;
}

void PeerContents::OnSession(const std::string& name,
                             const std::shared_ptr<dataplane::Session>& session,
                             const Done& done) {
  if (session != nullptr) {
    return done(Keep(name, ContentOf(service_.engine, session)));
  }
  const auto message = service_.session_table.Get(name);
  if (!message.ok()) return done(message.status());
  done(IsOver(name, StateName(message->state())));
}

void PeerContents::OnReception(
    const std::string& name,
    const std::shared_ptr<dataplane::Reception>& reception, const Done& done) {
  if (reception != nullptr) {
    return done(Keep(name, ContentOf(service_.engine, reception)));
  }
  const auto message = service_.reception_table.Get(name);
  if (!message.ok()) return done(message.status());
  if (!IsFinal(message->state())) {
    // It has just been restored, or the service is stopping.
    return done(absl::UnavailableError(
        absl::StrCat(name, " is about to go on; follow it again")));
  }
  if (message->state() != v1::RECEPTION_STATE_SUCCEEDED) {
    return done(IsOver(name, StateName(message->state())));
  }
  OpenFile(*message, done);
}

void PeerContents::OpenFile(const v1::Reception& reception, const Done& done) {
  using Opened = dataplane::ReceivedFile;
  const v1::FileDestination& file = reception.spec().destination();
  service_.writable_roots.Run<Opened>(
      file.root(),
      [files = files_,
       path = file.path()](const ContentRoot& root) -> absl::StatusOr<Opened> {
        auto opened = OpenAdmitted(root, path, files);
        if (!opened.ok()) return opened.status();
        return Opened::Open(*std::move(opened));
      },
      [self = shared_from_this(), name = reception.name(),
       content_root = RootOf(reception), done](absl::StatusOr<Opened> opened) {
        if (!opened.ok()) {
          self->NoteLost(name, opened.status());
          return done(opened.status());
        }
        dataplane::Engine& engine = self->service_.engine;
        done(self->Keep(name,
                        ContentOf(engine, engine.SourceOf(*std::move(opened),
                                                          content_root))));
      });
}

void PeerContents::NoteLost(const std::string& name, const absl::Status& why) {
  // Its disk does not answer, or no descriptor was left: it is asked again.
  if (absl::IsUnavailable(why) || absl::IsResourceExhausted(why)) return;
  if (service_.distributions != nullptr) {
    service_.distributions->NoteLost(name, why);
  }
}

PeerContents::Found PeerContents::Keep(const std::string& name, Found content) {
  if (!content.ok()) return content;
  Gone gone;  // Destroyed without the lock.
  absl::MutexLock lock(&mutex_);
  if (is_stopped_) {
    return absl::UnavailableError(
        "the service is stopping; follow it again when it is back");
  }
  if (auto kept = FindKept(name)) return kept;
  contents_[name] = {.content = *content, .last_use = Clock::now()};
  DropSurplus(gone);
  return content;
}

std::shared_ptr<PeerContent> PeerContents::FindKept(const std::string& name) {
  const auto found = contents_.find(name);
  if (found == contents_.end()) return nullptr;
  if (const absl::Status error = found->second.content->error(); !error.ok()) {
    NoteLost(name, error);
    return nullptr;
  }
  Clock::time_point& last_use = found->second.last_use;
  last_use = std::max(last_use, Clock::now());
  return found->second.content;
}

size_t PeerContents::MostUnused() {
  return std::min<size_t>(kMostUnused,
                          dataplane::DescriptorReserve::Now().reserve / 16);
}

void PeerContents::DropSurplus(Gone& gone) {
  std::vector<std::map<std::string, Kept>::iterator> unused;
  for (auto kept = contents_.begin(); kept != contents_.end(); ++kept) {
    if (!kept->second.is_used()) unused.push_back(kept);
  }
  if (unused.size() <= most_unused_) return;
  std::ranges::sort(unused, {},
                    [](const auto& kept) { return kept->second.last_use; });
  unused.resize(unused.size() - most_unused_);
  for (const auto& kept : unused) {
    gone.push_back(std::move(kept->second.content));
    contents_.erase(kept);
  }
}

void PeerContents::Forget(const std::string& distribution,
                          const DistributedContents::Place& place) {
  std::shared_ptr<PeerContent> gone;  // Destroyed without the lock.
  absl::MutexLock lock(&mutex_);
  const auto found = contents_.find(KeyOf(distribution, place));
  if (found == contents_.end()) return;
  gone = std::move(found->second.content);
  contents_.erase(found);
}

void PeerContents::Stop() {
  std::map<std::string, Kept> gone;  // Destroyed without the lock.
  absl::MutexLock lock(&mutex_);
  is_stopped_ = true;
  gone.swap(contents_);
}

void PeerContents::Purge(Clock::time_point now) {
  Gone gone;  // Destroyed without the lock.
  absl::MutexLock lock(&mutex_);
  for (auto kept = contents_.begin(); kept != contents_.end();) {
    Kept& one = kept->second;
    if (one.is_used()) one.last_use = now;
    const absl::Status error = one.content->error();
    // Whoever offers a file has to find out first: if it were opened anew, as
    // it is now, children would be given another content.
    const bool is_offered =
        one.content.use_count() > 1 && absl::StartsWith(kept->first, kOffered);
    if ((now - one.last_use < kKept && error.ok()) || is_offered) {
      ++kept;
      continue;
    }
    if (!error.ok()) NoteLost(kept->first, error);
    gone.push_back(std::move(one.content));
    kept = contents_.erase(kept);
  }
  DropSurplus(gone);
}

}  // namespace tcptool::server
