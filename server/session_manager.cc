#include "server/session_manager.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <future>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/file_source.h"
#include "server/invalid_field.h"
#include "server/names.h"
#include "spdlog/spdlog.h"

namespace tcptool::server {
namespace {

// Watchers are woken at most this often: what changes between is merged.
constexpr auto kWakeDelay = std::chrono::milliseconds(10);

// How often finished sessions are looked through, and bookmarks are due.
constexpr auto kTick = std::chrono::seconds(1);

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
                               WatchHub& hub)
    : options_(std::move(options)),
      engine_(engine),
      roots_(roots),
      table_(table),
      hub_(hub),
      tick_timer_(control_),
      wake_timer_(control_) {
  asio::post(control_, [this] { OnTick(); });
}

SessionManager::~SessionManager() {
  Stop();
  openers_.join();
  asio::post(control_, [this] {
    tick_timer_.cancel();
    wake_timer_.cancel();
  });
  control_.join();
}

void SessionManager::Stop() {
  std::promise<void> refused;
  asio::post(control_, [this, &refused] {
    stopping_ = true;
    refused.set_value();
  });
  refused.get_future().wait();
  engine_.Stop();
  // Behind the last updates.
  std::promise<void> shown;
  asio::post(control_, [&shown] { shown.set_value(); });
  shown.get_future().wait();
}

void SessionManager::Create(v1::CreateSessionRequest request,
                            SessionDone done) {
  v1::CreateSessionRequest filled = request;
  absl::StatusOr<dataplane::SessionOptions> options =
      ToOptions(options_.rules, *filled.mutable_session()->mutable_spec());
  if (!options.ok()) return done(options.status());
  asio::post(openers_, [this, request = std::move(filled),
                        options = *std::move(options),
                        done = std::move(done)]() mutable {
    auto source = OpenSource(request.session().spec());
    asio::post(
        control_,
        [this, request = std::move(request), options = std::move(options),
         source = std::move(source), done = std::move(done)]() mutable {
          if (!source.ok()) return done(source.status());
          CreateOpened(std::move(request), std::move(options),
                       *std::move(source), done);
        });
  });
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

void SessionManager::CreateOpened(v1::CreateSessionRequest request,
                                  dataplane::SessionOptions options,
                                  OpenedSource source,
                                  const SessionDone& done) {
  if (stopping_) {
    return done(absl::UnavailableError(
        "the service is stopping; try again when it is back"));
  }
  const absl::Time now = absl::Now();
  const auto made = request_ids_.Find(request, now);
  if (!made.ok()) return done(made.status());
  if (*made) return done(table_.Get(**made));
  if (absl::Status status = MakeRoom(); !status.ok()) return done(status);
  const absl::StatusOr<std::string> name = NewName(request.session_id());
  if (!name.ok()) return done(name.status());

  auto session = Listen(std::move(options), std::move(source.source),
                        std::make_shared<Observer>(*this, *name));
  if (!session.ok()) return done(session.status());
  request_ids_.Add(request, *name, now);

  v1::Session message;
  message.set_name(*name);
  *message.mutable_spec() = request.session().spec();
  CopyStatus((*session)->initial_status(), message);
  message.set_etag(NewEtag(message));
  live_[*name] = {.session = *std::move(session),
                  .message = message,
                  .upload = std::move(source.upload)};
  ++held_;
  table_.Insert(message);
  Changed();
  spdlog::info("session_created session={} endpoint={} root={} path={}",
               message.name(), message.data_endpoint(),
               message.spec().file().root(), message.spec().file().path());
  done(std::move(message));
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

absl::Status SessionManager::MakeRoom() {
  if (held_ < options_.max_sessions) return absl::OkStatus();
  if (by_end_.empty()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the service has ", held_,
        " sessions that are not finished, as many as it allows; end one"));
  }
  Forget(std::string(by_end_.begin()->second));
  return absl::OkStatus();
}

absl::StatusOr<v1::Session> SessionManager::Find(
    const std::string& name, const std::string& etag) const {
  absl::StatusOr<v1::Session> session = table_.Get(name);
  if (session.ok() && !etag.empty() && etag != session->etag()) {
    return absl::AbortedError(
        absl::StrCat("etag: ", name, " has changed since; it is ",
                     StateName(session->state()), ". Read it, and try again"));
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
            [this, name = request.name(), done](absl::Status status) {
              asio::post(control_, [this, name, done, status] {
                if (!status.ok()) return done(status);
                done(table_.Get(name));
              });
            });
      });
}

void SessionManager::Cancel(v1::CancelSessionRequest request,
                            SessionDone done) {
  asio::post(control_,
             [this, request = std::move(request), done = std::move(done)] {
               auto session = Find(request.name(), request.etag());
               const auto live = live_.find(request.name());
               if (!session.ok() || live == live_.end())
                 return done(std::move(session));
               live->second.on_end.push_back(
                   [this, name = request.name(), done](const absl::Status&) {
                     done(table_.Get(name));
                   });
               live->second.session->Cancel([](const absl::Status&) {});
             });
}

void SessionManager::Delete(v1::DeleteSessionRequest request, Done done) {
  asio::post(
      control_, [this, request = std::move(request), done = std::move(done)] {
        const auto session = Find(request.name(), request.etag());
        if (!session.ok()) return done(session.status());
        const auto live = live_.find(request.name());
        if (live == live_.end()) {
          Forget(request.name());
          return done(absl::OkStatus());
        }
        if (!request.force()) {
          return done(absl::FailedPreconditionError(
              absl::StrCat(request.name(), " is ", StateName(session->state()),
                           "; cancel it first, or set force")));
        }
        live->second.on_end.push_back(
            [this, name = request.name(), done](const absl::Status&) {
              Forget(name);
              done(absl::OkStatus());
            });
        live->second.session->Cancel([](const absl::Status&) {});
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
            done(table_.GetRecipient(name));
          });
        });
  });
}

void SessionManager::OpenUpload(std::string name, UploadDone done) {
  asio::post(control_, [this, name = std::move(name), done = std::move(done)] {
    const auto session = table_.Get(name);
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
    upload_bytes_ += options_.stream_window_bytes;
    done(std::make_unique<Upload>(name,
                                  std::exchange(live->second.upload, nullptr),
                                  live->second.session));
  });
}

void SessionManager::GetUploaded(Upload& upload, SessionDone done) {
  upload.WhenLengthIsKnown(
      [this, name = upload.session_name(), done](const absl::Status&) {
        // Behind the update with the length.
        asio::post(control_, [this, name, done] { done(table_.Get(name)); });
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
  message.set_etag(NewEtag(message));
  std::vector<v1::Recipient> recipients;
  recipients.reserve(changed.size());
  for (const dataplane::RecipientStatus& recipient : changed) {
    recipients.push_back(ToProto(name, recipient));
    if (dataplane::IsFinal(recipient.state)) {
      spdlog::info("recipient_ended session={} recipient={} state={} reason={}",
                   name, recipients.back().address(),
                   dataplane::Name(recipient.state),
                   dataplane::Name(recipient.reason));
    }
  }
  table_.Update(message, recipients, forgotten);
  if (dataplane::IsFinal(status.state)) {
    const Live ended = std::move(live->second);
    live_.erase(live);
    if (ended.message.spec().has_upload() && ended.upload == nullptr) {
      upload_bytes_ -= options_.stream_window_bytes;
    }
    OnEnd(ended.message);
    for (const Done& done : ended.on_end) done(absl::OkStatus());
  }
  Changed();
}

void SessionManager::OnEnd(const v1::Session& session) {
  spdlog::info("session_ended session={} state={} delivered={} failed={}",
               session.name(), StateName(session.state()),
               session.counts().delivered(), session.counts().failed());
  const absl::Time now = absl::Now();
  const Finished finished = {
      .end = now,
      .expiry = now + absl::Seconds(session.spec().retention().seconds())};
  finished_[session.name()] = finished;
  by_end_.emplace(finished.end, session.name());
  by_expiry_.emplace(finished.expiry, session.name());
}

void SessionManager::Forget(const std::string& name) {
  const auto found = finished_.find(name);
  if (found == finished_.end()) return;
  by_end_.erase({found->second.end, name});
  by_expiry_.erase({found->second.expiry, name});
  finished_.erase(found);
  table_.Remove(name);
  --held_;
  Changed();
}

void SessionManager::OnTick() {
  const absl::Time now = absl::Now();
  while (!by_expiry_.empty() && by_expiry_.begin()->first <= now) {
    Forget(std::string(by_expiry_.begin()->second));
  }
  hub_.WakeAll();  // For the bookmarks that are due.
  tick_timer_.expires_after(kTick);
  tick_timer_.async_wait([this](std::error_code error) {
    if (!error) OnTick();
  });
}

void SessionManager::Changed() {
  if (std::exchange(wake_pending_, true)) return;
  wake_timer_.expires_after(kWakeDelay);
  wake_timer_.async_wait([this](std::error_code error) {
    wake_pending_ = false;
    if (!error) hub_.WakeAll();
  });
}

}  // namespace tcptool::server
