#include "server/sessions/session_restoration.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "messages/states.h"
#include "messages/time.h"
#include "server/api/etag.h"
#include "server/api/names.h"
#include "server/api/translate.h"
#include "server/base/log.h"
#include "server/sessions/advertised_address.h"
#include "server/sessions/restore.h"

namespace tcptool::server {

void SessionRestoration::Restore(std::vector<StoredSession> sessions) {
  for (StoredSession& stored : sessions) {
    v1::SessionSpec& spec = *stored.session.mutable_spec();
    // A service before 0.2.0 has stored no numbers.
    if (!spec.expected().empty() && spec.expected(0).number() == 0) {
      NumberExpected(spec);
    }
  }
  OpenFirst(sessions);
  for (StoredSession& stored : sessions) Restore(std::move(stored));
}

void SessionRestoration::OpenFirst(const std::vector<StoredSession>& sessions) {
  std::map<std::string, size_t> asked;  // By root.
  for (const StoredSession& stored : sessions) {
    const v1::SessionSpec& spec = stored.session.spec();
    if (!spec.has_file() || !ListensAgain(stored)) continue;
    if (asked[spec.file().root()]++ < DiskWorker::kMaxThreads) {
      opened_[stored.session.name()] = Open(stored);
    }
  }
}

SessionRestoration::Opened SessionRestoration::Open(
    const StoredSession& stored) const {
  // A file has to be what the session was created for.
  std::optional<std::string> content;
  if (!stored.extra.content.empty()) content = stored.extra.content;
  const auto opened =
      std::make_shared<std::promise<absl::StatusOr<SessionSource>>>();
  sources_.Open(stored.session.spec(), content,
                [opened](absl::StatusOr<SessionSource> source) {
                  opened->set_value(std::move(source));
                });
  return opened->get_future();
}

void SessionRestoration::Restore(StoredSession stored) {
  held_.Add();
  // One that a service before 0.2.0 has made has none.
  if (!stored.session.has_update_time()) {
    *stored.session.mutable_update_time() = stored.session.create_time();
  }
  if (!IsFinal(stored.session.state())) {
    v1::SessionState end = v1::SESSION_STATE_INTERRUPTED;
    absl::Status status = absl::AbortedError("the service was stopped");
    if (ListensAgain(stored)) {
      status = ListenAgain(stored);
      if (status.ok()) return;
      end = v1::SESSION_STATE_FAILED;
    }
    EndUnfinished(stored, end, status.message());
    stored.session.set_etag(NewEtag(stored.session));
    const uint16_t port = DataPort(stored.session);
    ports_.RememberUse(port);
    store_.PutPortUse({.port = port, .end = ToTime(stored.session.end_time())});
    stored.extra.last_recipient = LastRecipient(stored);
    store_.PutSession(stored.session, stored.extra);
    for (const v1::Recipient& recipient : stored.recipients) {
      store_.PutRecipient(recipient);
    }
  }
  table_.Insert(stored.session, stored.extra.number);
  table_.Update(stored.session, stored.recipients, {});
  held_.AddFinished(stored.session);
}

absl::Status SessionRestoration::ListenAgain(StoredSession& stored) {
  if (KeepsRecipients(stored)) EndConnected(stored);
  auto options = OptionsToResume(rules_, stored);
  if (!options.ok()) return options.status();
  const auto opened = opened_.find(stored.session.name());
  auto source =
      opened != opened_.end() ? opened->second.get() : Open(stored).get();
  if (!source.ok()) return source.status();
  stored.extra.last_recipient = options->resume->last_recipient;
  stored.extra.content = std::move(source->content);
  auto session = ports_.Listen(*std::move(options), std::move(source->source),
                               live_.NewObserver(stored.session.name()));
  if (!session.ok()) return session.status();
  v1::Session message = stored.session;
  CopyStatus((*session)->initial_status(), message);
  SetExpireTime(message);
  message.set_data_endpoint(AdvertisedAddress(rules_.advertise_address)
                                .EndpointOf((*session)->data_endpoint()));
  for (const v1::Recipient& recipient : stored.recipients) {
    if (KeepsRecipients(stored)) {
      store_.PutRecipient(recipient);
    } else {
      store_.DeleteRecipient(message.name(),
                             RecipientNumber(recipient.name()).value_or(0));
    }
  }
  live_.Add(*std::move(session), message, stored.extra,
            std::move(source->upload));
  LogInfo("session_restored",
          {{"session", message.name()}, {"endpoint", message.data_endpoint()}});
  return absl::OkStatus();
}

}  // namespace tcptool::server
