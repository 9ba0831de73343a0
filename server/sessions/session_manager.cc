#include "server/sessions/session_manager.h"

#include <asio/post.hpp>
#include <chrono>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/states.h"
#include "server/api/etag.h"
#include "server/api/names.h"
#include "server/api/translate.h"
#include "server/base/log.h"
#include "server/sessions/restore.h"

namespace tcptool::server {
namespace {

// How often finished sessions are looked through, and bookmarks are due.
constexpr auto kTick = std::chrono::seconds(1);

// How often watchers are shown mere progress; the API promises that it is not
// more than four times a second.
constexpr auto kProgress = std::chrono::milliseconds(250);

}  // namespace

SessionManager::SessionManager(Options options, dataplane::Engine& engine,
                               const ContentRoots& roots, SessionTable& table,
                               WatchHub& hub, Store& store)
    : options_(std::move(options)),
      engine_(engine),
      roots_(roots),
      table_(table),
      hub_(hub),
      store_(store),
      ports_(engine, options_.rules.first_port, options_.rules.last_port),
      live_(control_.get_executor(), table, hub, store,
            [this](const LiveSessions::Live& live, const v1::Session& session) {
              OnEnd(live, session);
            }),
      tick_(control_.get_executor(), kTick, [this] { OnTick(); }),
      progress_(control_.get_executor(), kProgress, [this] { OnProgress(); }) {
  asio::post(control_, [this] {
    tick_.Run();
    progress_.Run();
  });
}

SessionManager::~SessionManager() {
  Stop();
  openers_.join();
  // Behind the answers that wait for the store.
  std::promise<void> answered;
  asio::post(control_, [this, &answered] {
    store_.WhenDurable(
        [&answered](const absl::Status&) { answered.set_value(); });
  });
  answered.get_future().wait();
  asio::post(control_, [this] {
    tick_.Stop();
    progress_.Stop();
  });
  control_.join();
}

void SessionManager::Restore(Store::Contents contents) {
  std::promise<void> restored;
  asio::post(control_, [&] {
    for (StoredRequest& request : contents.requests) {
      request_ids_.Restore(std::move(request));
    }
    for (StoredSession& stored : contents.sessions) {
      RestoreSession(std::move(stored));
    }
    while (held_ > options_.max_sessions && retention_.Oldest()) {
      Forget(*retention_.Oldest());
    }
    restored.set_value();
  });
  restored.get_future().wait();
}

void SessionManager::RestoreSession(StoredSession stored) {
  ++held_;
  if (!IsFinal(stored.session.state())) {
    v1::SessionState end = v1::SESSION_STATE_INTERRUPTED;
    absl::Status status = absl::AbortedError("the service was stopped");
    if (WaitsAgain(stored)) {
      status = ListenAgain(stored);
      if (status.ok()) return;
      end = v1::SESSION_STATE_FAILED;
    }
    EndUnfinished(stored, end, status.message());
    stored.session.set_etag(NewEtag(stored.session));
    store_.PutSession(stored.session, LastRecipient(stored),
                      stored.upload_begun);
    for (const v1::Recipient& recipient : stored.recipients) {
      store_.PutRecipient(recipient);
    }
  }
  table_.Insert(stored.session);
  table_.Update(stored.session, stored.recipients, {});
  retention_.Add(stored.session);
}

absl::Status SessionManager::ListenAgain(const StoredSession& stored) {
  auto options = OptionsToResume(options_.rules, stored);
  if (!options.ok()) return options.status();
  auto source =
      OpenSource(roots_, options_.stream_window_bytes, stored.session.spec());
  if (!source.ok()) return source.status();
  const uint64_t last_recipient = options->resume->last_recipient;
  auto session = ports_.Listen(*std::move(options), std::move(source->source),
                               live_.NewObserver(stored.session.name()));
  if (!session.ok()) return session.status();
  v1::Session message = stored.session;
  CopyStatus((*session)->initial_status(), message);
  // Its recipients went with their connections.
  for (const v1::Recipient& recipient : stored.recipients) {
    store_.DeleteRecipient(message.name(),
                           RecipientNumber(recipient.name()).value_or(0));
  }
  live_.Add(*std::move(session), message, last_recipient,
            std::move(source->upload));
  LogInfo("session_restored",
          {{"session", message.name()}, {"endpoint", message.data_endpoint()}});
  return absl::OkStatus();
}

void SessionManager::Drain() {
  accepting_ = false;
  std::promise<void> told;
  asio::post(control_, [this, &told] {
    live_.Drain();
    told.set_value();
  });
  told.get_future().wait();
}

void SessionManager::Stop() {
  Drain();
  engine_.Stop();
  live_.WaitUntilIdle(absl::InfiniteDuration());
}

void SessionManager::Create(v1::CreateSessionRequest request,
                            SessionDone done) {
  Creation creation = {.fingerprint = RequestIds::Fingerprint(request),
                       .done = std::move(done)};
  auto options =
      ToOptions(options_.rules, *request.mutable_session()->mutable_spec());
  if (!options.ok()) return creation.done(options.status());
  creation.request = std::move(request);
  creation.options = *std::move(options);
  asio::post(control_, [this, creation = std::move(creation)]() mutable {
    if (IsAnswered(creation)) return;
    asio::post(openers_, [this, creation = std::move(creation)]() mutable {
      auto source = OpenSource(roots_, options_.stream_window_bytes,
                               creation.request.session().spec());
      asio::post(control_, [this, creation = std::move(creation),
                            source = std::move(source)]() mutable {
        if (IsAnswered(creation)) return;
        if (!source.ok()) return creation.done(source.status());
        CreateOpened(std::move(creation), *std::move(source));
      });
    });
  });
}

bool SessionManager::IsAnswered(const Creation& creation) {
  if (!accepting_) {
    creation.done(absl::UnavailableError(
        "the service is stopping; try again when it is back"));
    return true;
  }
  const auto made = request_ids_.Find(creation.request.request_id(),
                                      creation.fingerprint, absl::Now());
  if (!made.ok()) {
    creation.done(made.status());
    return true;
  }
  if (!*made) return false;
  // The first call may still wait for the disk.
  store_.WhenDurable(
      [this, name = **made, done = creation.done](absl::Status status) {
        asio::post(control_, [this, name, done, status] {
          if (!status.ok()) return done(status);
          done(table_.Get(name));
        });
      });
  return true;
}

void SessionManager::CreateOpened(Creation creation, SessionSource source) {
  const SessionDone& done = creation.done;
  if (absl::Status status = CheckRoom(); !status.ok()) return done(status);
  const absl::StatusOr<std::string> name =
      NewName(creation.request.session_id());
  if (!name.ok()) return done(name.status());
  auto session =
      ports_.Listen(std::move(creation.options), std::move(source.source),
                    live_.NewObserver(*name));
  if (!session.ok()) return done(session.status());

  v1::Session message;
  message.set_name(*name);
  *message.mutable_spec() =
      std::move(*creation.request.mutable_session()->mutable_spec());
  CopyStatus((*session)->initial_status(), message);
  message.set_etag(NewEtag(message));
  live_.Add(*std::move(session), message, 0, std::move(source.upload));
  ++held_;
  if (held_ > options_.max_sessions) Forget(*retention_.Oldest());
  hub_.WakeAll();
  const std::string& request_id = creation.request.request_id();
  request_ids_.Add({.id = request_id,
                    .time = absl::Now(),
                    .session_name = *name,
                    .fingerprint = std::move(creation.fingerprint)});
  store_.WhenDurable([this, request_id, done, message = std::move(message)](
                         absl::Status status) mutable {
    asio::post(control_, [this, request_id, done, status,
                          message = std::move(message)]() mutable {
      if (!status.ok()) {
        return Undo(message.name(), request_id,
                    [done, status](const absl::Status&) { done(status); });
      }
      LogInfo("session_created", {{"session", message.name()},
                                  {"endpoint", message.data_endpoint()},
                                  {"root", message.spec().file().root()},
                                  {"path", message.spec().file().path()}});
      done(std::move(message));
    });
  });
}

void SessionManager::Undo(const std::string& name,
                          const std::string& request_id, Done done) {
  request_ids_.Remove(request_id);
  if (!live_.contains(name)) {
    Forget(name);
    return done(absl::OkStatus());
  }
  live_.Cancel(
      name, std::nullopt,
      [this, name, done = std::move(done)](const absl::Status& status) {
        Forget(name);
        done(status);
      });
}

absl::StatusOr<std::string> SessionManager::NewName(const std::string& id) {
  if (!id.empty()) {
    std::string name = absl::StrCat("sessions/", id);
    if (table_.Get(name).ok()) {
      return absl::AlreadyExistsError(
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

absl::Status SessionManager::CheckRoom() const {
  if (held_ < options_.max_sessions || retention_.Oldest()) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the service has ", held_,
      " sessions that are not finished, as many as it allows; end one"));
}

absl::StatusOr<v1::Session> SessionManager::Find(
    const std::string& name, const std::string& etag) const {
  absl::StatusOr<v1::Session> session = table_.Get(name);
  if (session.ok() && !IsFinal(session->state()) && !live_.contains(name)) {
    return WaitsForStart(name);
  }
  if (session.ok() && !etag.empty() && etag != session->etag()) {
    return EtagMismatch(name,
                        absl::StrCat("it is ", StateName(session->state())));
  }
  return session;
}

void SessionManager::Start(v1::StartSessionRequest request, SessionDone done) {
  asio::post(
      control_, [this, request = std::move(request), done = std::move(done)] {
        const auto session = Find(request.name(), request.etag());
        if (!session.ok()) return done(session.status());
        const LiveSessions::Live* live = live_.Find(request.name());
        if (live == nullptr) {
          return done(absl::FailedPreconditionError(
              absl::StrCat(request.name(), " is finished: it is ",
                           StateName(session->state()), "; create another")));
        }
        live->session->Start(
            StateOf(request.etag(), *session),
            [this, name = request.name(), done](absl::Status status) {
              asio::post(control_, [this, name, done, status] {
                if (absl::IsAborted(status)) {
                  return done(EtagMismatch(name, status.message()));
                }
                if (!status.ok()) return done(status);
                live_.WhenShown(name,
                                [this, name, done] { done(table_.Get(name)); });
              });
            });
      });
}

void SessionManager::Cancel(v1::CancelSessionRequest request,
                            SessionDone done) {
  asio::post(
      control_, [this, request = std::move(request), done = std::move(done)] {
        auto session = Find(request.name(), request.etag());
        if (!session.ok() || !live_.contains(request.name())) {
          return done(std::move(session));
        }
        live_.Cancel(request.name(), StateOf(request.etag(), *session),
                     [this, name = request.name(), done](absl::Status status) {
                       if (!status.ok()) return done(status);
                       done(table_.Get(name));
                     });
      });
}

void SessionManager::Delete(v1::DeleteSessionRequest request, Done done) {
  asio::post(
      control_, [this, request = std::move(request), done = std::move(done)] {
        const auto session = Find(request.name(), request.etag());
        if (!session.ok()) return done(session.status());
        if (!live_.contains(request.name())) {
          return Remove(request.name(), done);
        }
        if (!request.force()) {
          return done(absl::FailedPreconditionError(
              absl::StrCat(request.name(), " is ", StateName(session->state()),
                           "; cancel it first, or set force")));
        }
        live_.Cancel(request.name(), StateOf(request.etag(), *session),
                     [this, name = request.name(), done](absl::Status status) {
                       if (!status.ok()) return done(status);
                       Remove(name, done);
                     });
      });
}

void SessionManager::Remove(const std::string& name, Done done) {
  Forget(name);
  store_.WhenDurable([this, done = std::move(done)](absl::Status status) {
    asio::post(control_, [done, status] { done(status); });
  });
}

void SessionManager::Drop(v1::DropRecipientRequest request,
                          RecipientDone done) {
  asio::post(control_, [this, request = std::move(request),
                        done = std::move(done)] {
    auto recipient = table_.GetRecipient(request.name());
    if (!recipient.ok() || recipient->state() == v1::RECIPIENT_STATE_DROPPED) {
      return done(std::move(recipient));
    }
    const auto session = Find(SessionOf(request.name()), "");
    if (!session.ok()) return done(session.status());
    const LiveSessions::Live* live = live_.Find(SessionOf(request.name()));
    if (live == nullptr) {
      return done(absl::FailedPreconditionError(
          absl::StrCat(request.name(), " is not connected: it is ",
                       v1::RecipientState_Name(recipient->state()))));
    }
    live->session->Drop(
        *RecipientNumber(request.name()),
        [this, name = request.name(), done](absl::Status status) {
          asio::post(control_, [this, name, done, status] {
            if (!status.ok()) return done(status);
            live_.WhenShown(SessionOf(name), [this, name, done] {
              done(table_.GetRecipient(name));
            });
          });
        });
  });
}

void SessionManager::OpenUpload(std::string name, UploadDone done) {
  asio::post(control_, [this, name = std::move(name), done = std::move(done)] {
    const auto session = Find(name, "");
    if (!session.ok()) return done(session.status());
    LiveSessions::Live* const live = live_.Find(name);
    if (!session->spec().has_upload()) {
      return done(absl::FailedPreconditionError(absl::StrCat(
          name, " serves a file; create a session with an upload source")));
    }
    if (live == nullptr) {
      return done(absl::FailedPreconditionError(
          absl::StrCat(name, " is finished: it is ",
                       StateName(session->state()), "; create another")));
    }
    if (live->upload == nullptr) {
      return done(absl::FailedPreconditionError(absl::StrCat(
          name,
          " has an upload already, and content is sent once; create "
          "another session")));
    }
    if (upload_bytes_ + options_.stream_window_bytes >
        options_.max_upload_bytes) {
      return done(absl::ResourceExhaustedError(absl::StrCat(
          "the uploads that go on may hold ", upload_bytes_, " of the ",
          options_.max_upload_bytes,
          " bytes that the service allows; wait until a session has ended")));
    }
    live->upload_bytes = options_.stream_window_bytes;
    upload_bytes_ += options_.stream_window_bytes;
    live->ledger->UploadBegins();
    done(std::make_unique<Upload>(name, std::exchange(live->upload, nullptr),
                                  live->session));
  });
}

void SessionManager::GetUploaded(Upload& upload, SessionDone done) {
  upload.WhenLengthIsKnown(
      [this, name = upload.session_name(), done](const absl::Status&) {
        // Behind the update with the length.
        asio::post(control_, [this, name, done] {
          live_.WhenShown(name, [this, name, done] { done(table_.Get(name)); });
        });
      });
}

void SessionManager::PortsInUse(
    std::function<void(std::vector<uint16_t>)> done) {
  asio::post(control_,
             [this, done = std::move(done)] { done(ports_.in_use()); });
}

void SessionManager::OnEnd(const LiveSessions::Live& live,
                           const v1::Session& session) {
  ports_.Release(live.session->data_endpoint().port());
  upload_bytes_ -= live.upload_bytes;
  if (!IsFinal(session.state())) return;
  LogInfo("session_ended", {{"session", session.name()},
                            {"state", StateName(session.state())},
                            {"delivered", session.counts().delivered()},
                            {"failed", session.counts().failed()}});
  retention_.Add(session);
}

void SessionManager::Forget(const std::string& name) {
  if (!retention_.Remove(name)) return;
  table_.Remove(name);
  store_.DeleteSession(name);
  --held_;
  hub_.WakeAll();
}

void SessionManager::OnTick() {
  const absl::Time now = absl::Now();
  while (const auto expired = retention_.Expired(now)) Forget(*expired);
  hub_.WakeAll();  // For the bookmarks that are due.
}

void SessionManager::OnProgress() {
  if (hub_.progress_pace().Allows(ProgressPace::Clock::now()) &&
      table_.PublishProgress()) {
    hub_.WakeAll();
  }
}

}  // namespace tcptool::server
