#include "server/session_manager.h"

#include <asio/post.hpp>
#include <chrono>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/file_source.h"
#include "server/invalid_field.h"
#include "server/log.h"
#include "server/names.h"
#include "server/restore.h"
#include "server/states.h"
#include "server/translate.h"

namespace tcptool::server {
namespace {

// How often finished sessions are looked through, and bookmarks are due.
constexpr auto kTick = std::chrono::seconds(1);

// How often watchers are shown mere progress; the API promises that it is not
// more than four times a second.
constexpr auto kProgress = std::chrono::milliseconds(250);

absl::StatusOr<std::shared_ptr<dataplane::Source>> OpenFile(
    const ContentRoots& roots, const v1::FileSource& file) {
  auto opened = roots.Open(file.root(), file.path());
  if (!opened.ok()) {
    return absl::Status(
        opened.status().code(),
        absl::StrCat("session.spec.file: ", opened.status().message()));
  }
  auto source = dataplane::FileSource::Create(
      *std::move(opened), static_cast<uint64_t>(file.offset()),
      file.has_length() ? std::optional<uint64_t>(file.length())
                        : std::nullopt);
  if (!source.ok()) {
    return absl::Status(
        source.status().code(),
        absl::StrCat("session.spec.file: ", source.status().message()));
  }
  return *std::move(source);
}

// Of a session that Drain() has put aside.
absl::Status WaitsForStart(const std::string& name) {
  return absl::UnavailableError(
      absl::StrCat("the service is stopping; ", name,
                   " waits again when it is back: try again then"));
}

absl::Status EtagMismatch(absl::string_view name, absl::string_view what) {
  return absl::AbortedError(absl::StrCat("etag: ", name, " has changed since; ",
                                         what, ". Read it, and try again"));
}

// What the data plane must find for `etag` to be right still, where it matches
// `session`.
std::optional<dataplane::SessionState> StateOf(const std::string& etag,
                                               const v1::Session& session) {
  if (etag.empty()) return std::nullopt;
  return ToState(session.state());
}

std::string NewEtag(const v1::Session& session) {
  return absl::StrCat("\"", session.create_time().seconds(), ".",
                      session.create_time().nanos(), ".", session.state(),
                      "\"");
}

}  // namespace

// Carries the data plane's updates to the manager's thread.
class SessionManager::Observer : public dataplane::SessionObserver {
 public:
  Observer(SessionManager& manager, std::string name)
      : manager_(manager), name_(std::move(name)) {}

  void OnUpdate(const Update& update) override {
    asio::post(
        manager_.control_,
        [&manager = manager_, name = name_, status = update.session,
         changed = std::vector(update.changed.begin(), update.changed.end()),
         forgotten =
             std::vector(update.forgotten.begin(), update.forgotten.end())] {
          manager.OnUpdate(name, status, changed, forgotten);
        });
  }

 private:
  SessionManager& manager_;
  const std::string name_;
};

SessionManager::SessionManager(Options options, dataplane::Engine& engine,
                               const ContentRoots& roots, SessionTable& table,
                               WatchHub& hub, Store& store)
    : options_(std::move(options)),
      engine_(engine),
      roots_(roots),
      table_(table),
      hub_(hub),
      store_(store),
      tick_timer_(control_),
      progress_timer_(control_) {
  asio::post(control_, [this] {
    OnTick();
    OnProgress();
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
  // Timers would go on: one that is due already cannot be cancelled any more.
  control_.stop();
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
  auto source = OpenSource(stored.session.spec());
  if (!source.ok()) return source.status();
  const uint64_t last_recipient = options->resume->last_recipient;
  auto session =
      Listen(*std::move(options), std::move(source->source),
             std::make_shared<Observer>(*this, stored.session.name()));
  if (!session.ok()) return session.status();
  v1::Session message = stored.session;
  CopyStatus((*session)->initial_status(), message);
  // Its recipients went with their connections.
  for (const v1::Recipient& recipient : stored.recipients) {
    store_.DeleteRecipient(message.name(),
                           RecipientNumber(recipient.name()).value_or(0));
  }
  AddLive(*std::move(session), message, std::move(source->upload))
      .Open(message, last_recipient);
  LogInfo("session_restored",
          {{"session", message.name()}, {"endpoint", message.data_endpoint()}});
  return absl::OkStatus();
}

void SessionManager::Drain() {
  accepting_ = false;
  std::promise<void> told;
  asio::post(control_, [this, &told] {
    for (const auto& [name, live] : live_) live.session->Drain();
    told.set_value();
  });
  told.get_future().wait();
}

bool SessionManager::WaitUntilIdle(absl::Duration timeout) {
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return running_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  return mutex_.AwaitWithTimeout(absl::Condition(&idle), timeout);
}

void SessionManager::Stop() {
  Drain();
  engine_.Stop();
  WaitUntilIdle(absl::InfiniteDuration());
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
      auto source = OpenSource(creation.request.session().spec());
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

absl::StatusOr<SessionManager::OpenedSource> SessionManager::OpenSource(
    const v1::SessionSpec& spec) const {
  if (spec.has_upload()) {
    auto stream =
        std::make_shared<dataplane::StreamSource>(options_.stream_window_bytes);
    return OpenedSource{.source = stream, .upload = stream};
  }
  auto file = OpenFile(roots_, spec.file());
  if (!file.ok()) return file.status();
  return OpenedSource{.source = *std::move(file)};
}

void SessionManager::CreateOpened(Creation creation, OpenedSource source) {
  const SessionDone& done = creation.done;
  if (absl::Status status = CheckRoom(); !status.ok()) return done(status);
  const absl::StatusOr<std::string> name =
      NewName(creation.request.session_id());
  if (!name.ok()) return done(name.status());
  auto session = Listen(std::move(creation.options), std::move(source.source),
                        std::make_shared<Observer>(*this, *name));
  if (!session.ok()) return done(session.status());

  v1::Session message;
  message.set_name(*name);
  *message.mutable_spec() =
      std::move(*creation.request.mutable_session()->mutable_spec());
  CopyStatus((*session)->initial_status(), message);
  message.set_etag(NewEtag(message));
  AddLive(*std::move(session), message, std::move(source.upload))
      .Open(message, 0);
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
  const auto live = live_.find(name);
  if (live == live_.end()) {
    Forget(name);
    return done(absl::OkStatus());
  }
  End(name, std::nullopt,
      [this, name, done = std::move(done)](const absl::Status& status) {
        Forget(name);
        done(status);
      });
}

SessionLedger& SessionManager::AddLive(
    std::shared_ptr<dataplane::Session> session, const v1::Session& message,
    std::shared_ptr<dataplane::StreamSource> upload) {
  table_.Insert(message);
  v1::Session status = message;
  status.clear_spec();
  Live& live = live_[message.name()];
  live = {.session = std::move(session),
          .message = std::move(status),
          .ledger = std::make_shared<SessionLedger>(
              store_, control_.get_executor(),
              [this](const SessionLedger::Update& update) { Show(update); }),
          .upload = std::move(upload)};
  std::vector<v1::Recipient> expected;
  for (const auto& recipient : live.session->TakeInitialRecipients()) {
    expected.push_back(ToProto(message.name(), recipient));
  }
  table_.Update(live.message, expected, {});
  CountLive();
  return *live.ledger;
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
    // A letter first; no vowels, which make words.
    constexpr absl::string_view kAlphabet = "bcdfghjklmnpqrstvwxz0123456789";
    name = "sessions/s";
    for (int i = 0; i < 9; ++i) {
      name += kAlphabet[absl::Uniform<size_t>(random_, 0, kAlphabet.size())];
    }
  } while (table_.Get(name).ok());
  return name;
}

absl::StatusOr<std::shared_ptr<dataplane::Session>> SessionManager::Listen(
    dataplane::SessionOptions options,
    std::shared_ptr<dataplane::Source> source,
    std::shared_ptr<Observer> observer) {
  if (options.port != 0) {
    auto session = engine_.CreateSession(options, source, observer);
    if (absl::IsAlreadyExists(session.status())) {
      return absl::FailedPreconditionError(absl::StrCat(
          "session.spec.listener.port: ", session.status().message()));
    }
    if (absl::IsInvalidArgument(session.status())) {
      return InvalidField("session.spec.listener.bind_address",
                          session.status().message());
    }
    return session;
  }
  std::set<uint16_t> used;
  for (const auto& [name, live] : live_) {
    used.insert(live.session->data_endpoint().port());
  }
  for (uint32_t port = options_.rules.first_port;
       port <= options_.rules.last_port; ++port) {
    if (used.contains(static_cast<uint16_t>(port))) continue;
    options.port = static_cast<uint16_t>(port);
    auto session = engine_.CreateSession(options, source, observer);
    // Another program may have the port.
    if (absl::IsAlreadyExists(session.status())) continue;
    if (absl::IsInvalidArgument(session.status())) {
      return InvalidField("session.spec.listener.bind_address",
                          session.status().message());
    }
    return session;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "no port is free in ", options_.rules.first_port, "-",
      options_.rules.last_port,
      "; end a session, or start the service with more --data-ports"));
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
        const auto live = live_.find(request.name());
        if (live == live_.end()) {
          return done(absl::FailedPreconditionError(
              absl::StrCat(request.name(), " is finished: it is ",
                           StateName(session->state()), "; create another")));
        }
        live->second.session->Start(
            StateOf(request.etag(), *session),
            [this, name = request.name(), done](absl::Status status) {
              asio::post(control_, [this, name, done, status] {
                if (absl::IsAborted(status)) {
                  return done(EtagMismatch(name, status.message()));
                }
                if (!status.ok()) return done(status);
                WhenShown(name, [this, name, done] { done(table_.Get(name)); });
              });
            });
      });
}

void SessionManager::Cancel(v1::CancelSessionRequest request,
                            SessionDone done) {
  asio::post(control_,
             [this, request = std::move(request), done = std::move(done)] {
               auto session = Find(request.name(), request.etag());
               if (!session.ok() || !live_.contains(request.name())) {
                 return done(std::move(session));
               }
               End(request.name(), StateOf(request.etag(), *session),
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
        End(request.name(), StateOf(request.etag(), *session),
            [this, name = request.name(), done](absl::Status status) {
              if (!status.ok()) return done(status);
              Remove(name, done);
            });
      });
}

void SessionManager::End(const std::string& name,
                         std::optional<dataplane::SessionState> expected,
                         Done done) {
  live_.at(name).session->Cancel(
      expected, [this, name, done = std::move(done)](absl::Status status) {
        asio::post(control_, [this, name, done, status] {
          if (!status.ok()) return done(EtagMismatch(name, status.message()));
          // Behind its last update, or not.
          const auto live = live_.find(name);
          if (live == live_.end()) return done(Find(name, "").status());
          live->second.on_end.push_back(done);
        });
      });
}

void SessionManager::Remove(const std::string& name, Done done) {
  Forget(name);
  store_.WhenDurable([this, done = std::move(done)](absl::Status status) {
    asio::post(control_, [done, status] { done(status); });
  });
}

void SessionManager::WhenShown(const std::string& name,
                               std::function<void()> then) {
  const auto live = live_.find(name);
  if (live == live_.end()) return then();
  live->second.ledger->WhenShown(std::move(then));
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
    const auto live = live_.find(SessionOf(request.name()));
    if (live == live_.end()) {
      return done(absl::FailedPreconditionError(
          absl::StrCat(request.name(), " is not connected: it is ",
                       v1::RecipientState_Name(recipient->state()))));
    }
    live->second.session->Drop(
        *RecipientNumber(request.name()),
        [this, name = request.name(), done](absl::Status status) {
          asio::post(control_, [this, name, done, status] {
            if (!status.ok()) return done(status);
            WhenShown(SessionOf(name),
                      [this, name, done] { done(table_.GetRecipient(name)); });
          });
        });
  });
}

void SessionManager::OpenUpload(std::string name, UploadDone done) {
  asio::post(control_, [this, name = std::move(name), done = std::move(done)] {
    const auto session = Find(name, "");
    if (!session.ok()) return done(session.status());
    const auto live = live_.find(name);
    if (!session->spec().has_upload()) {
      return done(absl::FailedPreconditionError(absl::StrCat(
          name, " serves a file; create a session with an upload source")));
    }
    if (live == live_.end()) {
      return done(absl::FailedPreconditionError(
          absl::StrCat(name, " is finished: it is ",
                       StateName(session->state()), "; create another")));
    }
    if (live->second.upload == nullptr) {
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
    live->second.upload_bytes = options_.stream_window_bytes;
    upload_bytes_ += options_.stream_window_bytes;
    live->second.ledger->UploadBegins();
    done(std::make_unique<Upload>(name,
                                  std::exchange(live->second.upload, nullptr),
                                  live->second.session));
  });
}

void SessionManager::GetUploaded(Upload& upload, SessionDone done) {
  upload.WhenLengthIsKnown(
      [this, name = upload.session_name(), done](const absl::Status&) {
        // Behind the update with the length.
        asio::post(control_, [this, name, done] {
          WhenShown(name, [this, name, done] { done(table_.Get(name)); });
        });
      });
}

void SessionManager::PortsInUse(
    std::function<void(std::vector<uint16_t>)> done) {
  asio::post(control_, [this, done = std::move(done)] {
    std::set<uint16_t> ports;
    for (const auto& [name, live] : live_) {
      ports.insert(live.session->data_endpoint().port());
    }
    done({ports.begin(), ports.end()});
  });
}

void SessionManager::OnUpdate(
    const std::string& name, const dataplane::SessionStatus& status,
    const std::vector<dataplane::RecipientStatus>& changed,
    const std::vector<uint64_t>& forgotten) {
  const auto live = live_.find(name);
  if (live == live_.end()) return;
  v1::Session& message = live->second.message;
  CopyStatus(status, message);
  const bool is_over = dataplane::IsFinal(status.state);
  if (message.state() == v1::SESSION_STATE_INTERRUPTED &&
      !message.has_start_time() && store_.persistent() &&
      !live->second.ledger->upload_begun()) {
    // Nothing is lost: it will wait again.
    message.set_state(v1::SESSION_STATE_WAITING);
    message.clear_end_time();
  }
  message.set_etag(NewEtag(message));
  SessionLedger::Update update = {
      .session = message, .forgotten = forgotten, .is_over = is_over};
  for (const dataplane::RecipientStatus& recipient : changed) {
    v1::Recipient& shown = update.changed[recipient.id];
    shown = ToProto(name, recipient);
    if (dataplane::IsFinal(recipient.state)) {
      LogInfo("recipient_ended",
              {{"session", name},
               {"recipient", shown.name()},
               {"address", shown.address()},
               {"state", std::string(dataplane::Name(recipient.state))},
               {"reason", std::string(dataplane::Name(recipient.reason))}});
    }
  }
  live->second.ledger->Add(std::move(update));
}

void SessionManager::Show(const SessionLedger::Update& update) {
  std::vector<v1::Recipient> changed;
  changed.reserve(update.changed.size());
  for (const auto& [number, recipient] : update.changed) {
    changed.push_back(recipient);
  }
  if (table_.Update(update.session, changed, update.forgotten)) hub_.WakeAll();
  if (!update.is_over) return;
  const auto live = live_.find(update.session.name());
  const Live ended = std::move(live->second);
  live_.erase(live);
  upload_bytes_ -= ended.upload_bytes;
  const bool is_final = IsFinal(update.session.state());
  if (is_final) OnEnd(*table_.Get(update.session.name()));
  for (const Done& done : ended.on_end) {
    done(is_final ? absl::OkStatus() : WaitsForStart(update.session.name()));
  }
  CountLive();
}

void SessionManager::OnEnd(const v1::Session& session) {
  LogInfo("session_ended", {{"session", session.name()},
                            {"state", StateName(session.state())},
                            {"delivered", session.counts().delivered()},
                            {"failed", session.counts().failed()}});
  retention_.Add(session);
}

void SessionManager::CountLive() {
  absl::MutexLock lock(&mutex_);
  running_ = live_.size();
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
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](std::error_code error) {
    if (!error) OnTick();
  });
}

void SessionManager::OnProgress() {
  if (hub_.progress_pace().Allows(ProgressPace::Clock::now()) &&
      table_.PublishProgress()) {
    hub_.WakeAll();
  }
  progress_timer_.expires_after(kProgress);
  progress_timer_.async_wait([this](std::error_code error) {
    if (!error) OnProgress();
  });
}

}  // namespace tcptool::server
