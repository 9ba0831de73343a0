#include "server/sessions/session_creation.h"

#include <asio/post.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/invalid_field.h"
#include "server/api/names.h"
#include "server/api/translate.h"
#include "server/base/log.h"
#include "server/sessions/advertised_address.h"
#include "server/sessions/session_retry.h"

namespace tcptool::server {
namespace {

void SetModifyTime(const SessionSource& source, v1::Session& session) {
  if (!source.modified) return;
  *session.mutable_source_modify_time() = ToNearestTimestamp(*source.modified);
}

// What is known only once the source is open: a file whose size says nothing,
// as one of procfs, is read once.
absl::Status CheckServesAgain(const dataplane::SessionOptions& options,
                              const SessionSource& source) {
  if (!options.start.immediate || source.source->rereadable()) {
    return absl::OkStatus();
  }
  return InvalidField("session.spec.start.immediate",
                      "the file's size says nothing, so that it is read once, "
                      "and cannot be served again to those who come later; "
                      "choose another file");
}

}  // namespace

SessionCreation::SessionCreation(asio::any_io_executor executor,
                                 SpecRules rules, const SourceProvider& sources,
                                 SessionTable& table, WatchHub& hub,
                                 Store& store, DataPorts& ports,
                                 LiveSessions& live, HeldSessions& held,
                                 RequestIds& request_ids)
    : executor_(std::move(executor)),
      rules_(std::move(rules)),
      sources_(sources),
      table_(table),
      hub_(hub),
      store_(store),
      ports_(ports),
      live_(live),
      held_(held),
      request_ids_(request_ids),
      gate_(executor_, table, store, request_ids) {}

void SessionCreation::Create(v1::CreateSessionRequest request,
                             std::string creator, Done done) {
  auto creation = std::make_shared<Creation>();
  // A request that makes nothing cannot be one that has made something.
  if (request.validate_only()) request.clear_request_id();
  creation->fingerprint = RequestIds::Fingerprint(request);
  creation->creator = std::move(creator);
  creation->done = std::move(done);
  NumberExpected(*request.mutable_session()->mutable_spec());
  auto options = ToOptions(rules_, *request.mutable_session()->mutable_spec());
  if (!options.ok()) return creation->done(options.status());
  creation->request = std::move(request);
  creation->options = *std::move(options);
  asio::post(executor_, [this, creation] {
    if (!AnswerWithoutCreating(*creation)) Open(creation);
  });
}

absl::Status SessionCreation::CheckSpec(
    const v1::CreateSessionRequest& request) const {
  v1::SessionSpec spec = request.session().spec();
  return ToOptions(rules_, spec).status();
}

void SessionCreation::Retry(const v1::RetrySessionRequest& request,
                            std::string creator, Done done) {
  auto creation = std::make_shared<Creation>();
  creation->fingerprint = RequestIds::Fingerprint(request);
  creation->creator = std::move(creator);
  creation->done = std::move(done);
  creation->request.set_request_id(request.request_id());
  creation->retry_of = request.name();
  absl::Status status;
  if (auto spec = SpecOfRetry(table_, request.name()); !spec.ok()) {
    status = spec.status();
  } else if (auto options = ToOptions(rules_, *spec); !options.ok()) {
    status = options.status();
  } else {
    *creation->request.mutable_session()->mutable_spec() = *std::move(spec);
    creation->options = *std::move(options);
  }
  asio::post(executor_, [this, creation, status] {
    // Also if the session that it was for has been deleted since.
    if (AnswerWithoutCreating(*creation)) return;
    if (!status.ok()) return creation->done(status);
    Open(creation);
  });
}

void SessionCreation::Open(const std::shared_ptr<Creation>& creation) {
  sources_.Open(creation->request.session().spec(), std::nullopt,
                [this, creation](absl::StatusOr<SessionSource> source) {
                  asio::post(executor_, [this, creation,
                                         source = std::move(source)]() mutable {
                    if (AnswerWithoutCreating(*creation)) return;
                    if (!source.ok()) return creation->done(source.status());
                    CreateOpened(*creation, *std::move(source));
                  });
                });
}

bool SessionCreation::AnswerWithoutCreating(const Creation& creation) {
  return gate_.AnswerIfKnown(creation.request.request_id(),
                             creation.fingerprint, creation.done);
}

absl::StatusOr<v1::Session> SessionCreation::Validate(
    Creation& creation, const SessionSource& source) const {
  absl::Status status = ports_.Check(creation.options);
  if (!status.ok()) return status;
  v1::Session session;
  *session.mutable_spec() =
      std::move(*creation.request.mutable_session()->mutable_spec());
  session.set_state(v1::SESSION_STATE_WAITING);
  if (const auto length = source.source->length()) {
    session.set_content_length(static_cast<int64_t>(*length));
  }
  SetModifyTime(source, session);
  return session;
}

void SessionCreation::CreateOpened(Creation& creation, SessionSource source) {
  const Done& done = creation.done;
  absl::Status status = CheckServesAgain(creation.options, source);
  if (status.ok()) status = held_.CheckRoom();
  if (!status.ok()) return done(status);
  const absl::StatusOr<std::string> name =
      ChooseName(creation.request.session_id());
  if (!name.ok()) return done(name.status());
  if (creation.request.validate_only()) {
    return done(Validate(creation, source));
  }
  auto session =
      ports_.Listen(std::move(creation.options), std::move(source.source),
                    live_.NewObserver(*name));
  if (!session.ok()) return done(session.status());

  v1::Session message;
  SetModifyTime(source, message);
  message.set_name(*name);
  message.set_uid(RandomUid(random_));
  message.set_creator(std::move(creation.creator));
  message.set_retry_of(std::move(creation.retry_of));
  *message.mutable_spec() =
      std::move(*creation.request.mutable_session()->mutable_spec());
  CopyStatus((*session)->initial_status(), message);
  *message.mutable_update_time() = message.create_time();
  SetExpireTime(message);
  message.set_data_endpoint(AdvertisedAddress(rules_.advertise_address)
                                .EndpointOf((*session)->data_endpoint()));
  message.set_etag(NewEtag(message));
  live_.Add(*std::move(session), message,
            {.content = std::move(source.content)}, std::move(source.upload));
  held_.Add();
  held_.PurgeSurplus();
  hub_.WakeAll();
  const std::string& request_id = creation.request.request_id();
  request_ids_.Add({.id = request_id,
                    .time = absl::Now(),
                    .name = *name,
                    .fingerprint = std::move(creation.fingerprint)});
  store_.WhenDurable([this, request_id, done, message = std::move(message)](
                         const absl::Status& status) mutable {
    asio::post(executor_, [this, request_id, done, status,
                           message = std::move(message)]() mutable {
      if (!status.ok()) {
        return RollBack(message.name(), request_id,
                        [done, status] { done(status); });
      }
      LogInfo("session_created",
              {{"session", message.name()},
               {"endpoint", message.data_endpoint()},
               {"root", message.spec().file().root()},
               {"path", message.spec().file().path()},
               {"reception", message.spec().reception().name()},
               {"retry_of", message.retry_of()}});
      done(std::move(message));
    });
  });
}

void SessionCreation::RollBack(const std::string& name,
                               const std::string& request_id,
                               std::function<void()> then) {
  request_ids_.Remove(request_id);
  const auto purge = [this, name, then = std::move(then)] {
    held_.Purge(name);
    then();
  };
  if (!live_.contains(name)) return purge();
  live_.Cancel(name, std::nullopt, [purge](const absl::Status&) { purge(); });
}

absl::StatusOr<std::string> SessionCreation::ChooseName(const std::string& id) {
  if (!id.empty()) {
    std::string name = absl::StrCat("sessions/", id);
    if (table_.Get(name).ok()) {
      return AlreadyExists(
          v1::ERROR_REASON_ID_TAKEN, kSessionType, name,
          absl::StrCat("session_id: there is a session \"", id, "\" already"));
    }
    return name;
  }
  std::string name;
  do {
    name = RandomSessionName(random_);
  } while (table_.Get(name).ok());
  return name;
}

}  // namespace tcptool::server
