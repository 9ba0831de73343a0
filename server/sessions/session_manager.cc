#include "server/sessions/session_manager.h"

#include <chrono>
#include <future>
#include <utility>

#include "absl/time/clock.h"
#include "messages/states.h"
#include "server/api/translate.h"
#include "server/base/log.h"
#include "server/sessions/restore.h"
#include "server/sessions/session_restoration.h"

namespace tcptool::server {
namespace {

// How often expired sessions are deleted, and watchers are woken for bookmarks
// that are due.
constexpr auto kTick = std::chrono::seconds(1);

// The interval at which progress is shown to watchers; the API promises at most
// four times a second.
constexpr auto kProgress = std::chrono::milliseconds(250);

}  // namespace

SessionManager::SessionManager(Options options, dataplane::Engine& engine,
                               const ContentRoots& roots,
                               ReceivedContent& received, SessionTable& table,
                               WatchHub& hub, Store& store)
    : options_(std::move(options)),
      engine_(engine),
      sources_{.engine = engine,
               .roots = roots,
               .received = received,
               .upload_window_bytes = options_.stream_window_bytes},
      table_(table),
      hub_(hub),
      store_(store),
      ports_(engine, options_.rules.first_port, options_.rules.last_port),
      live_(control_.get_executor(), table, hub, store,
            [this](const LiveSessions::Live& live, const v1::Session& session) {
              OnEnd(live, session);
            }),
      request_ids_(store, RequestKind::kSession),
      held_(options_.max_sessions, table, hub, store, request_ids_),
      uploads_(options_.stream_window_bytes, options_.max_upload_bytes),
      commands_(control_.get_executor(), options_.rules, table, hub, store,
                live_, held_, uploads_),
      creation_(control_.get_executor(), options_.rules, sources_, table, hub,
                store, ports_, live_, held_, request_ids_),
      tick_(control_.get_executor(), kTick, [this] { OnTick(); }),
      progress_(control_.get_executor(), kProgress, [this] { OnProgress(); }) {
  control_.Post([this] {
    tick_.Run();
    progress_.Run();
  });
}

SessionManager::~SessionManager() {
  Stop();
  sources_.AnswerPending();
  // Runs after the answers that wait for the store.
  std::promise<void> answered;
  control_.Post([this, &answered] {
    store_.WhenDurable(
        [&answered](const absl::Status&) { answered.set_value(); });
  });
  answered.get_future().wait();
  control_.Post([this] {
    tick_.Stop();
    progress_.Stop();
    live_.FlushLog();
  });
  control_.Join();
}

void SessionManager::Restore(Store::Contents contents) {
  control_.PostAndWait([this, &contents] {
    for (const StoredRequest& request : contents.requests) {
      request_ids_.Restore(request);
    }
    for (const uint16_t port : PortsByLastUse(contents)) {
      ports_.RememberUse(port);
    }
    SessionRestoration restoration(options_.rules, sources_, table_, store_,
                                   ports_, live_, held_);
    restoration.Restore(std::move(contents.sessions));
    held_.PurgeSurplus();
    // Some may have been gone already, to clients, when the service was killed.
    held_.PurgeExpired(dataplane::Clock::now());
  });
}

void SessionManager::Drain() {
  creation_.StopAccepting();
  control_.PostAndWait([this] { live_.Drain(); });
}

void SessionManager::Stop() {
  Drain();
  sources_.AnswerPending();
  engine_.Stop();
  live_.WaitUntilIdle(absl::InfiniteDuration());
}

void SessionManager::Create(v1::CreateSessionRequest request,
                            std::string creator, SessionDone done) {
  creation_.Create(std::move(request), std::move(creator), std::move(done));
}

void SessionManager::Retry(const v1::RetrySessionRequest& request,
                           std::string creator, SessionDone done) {
  creation_.Retry(request, std::move(creator), std::move(done));
}

void SessionManager::Start(v1::StartSessionRequest request, SessionDone done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    commands_.Start(request, done);
  });
}

void SessionManager::Cancel(v1::CancelSessionRequest request,
                            SessionDone done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    commands_.Cancel(request, done);
  });
}

void SessionManager::Delete(v1::DeleteSessionRequest request, Done done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    commands_.Delete(request, done);
  });
}

void SessionManager::Update(v1::UpdateSessionRequest request,
                            SessionDone done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    commands_.Update(request, done);
  });
}

void SessionManager::Drop(v1::DropRecipientRequest request,
                          RecipientDone done) {
  control_.Post([this, request = std::move(request), done = std::move(done)] {
    commands_.Drop(request, done);
  });
}

void SessionManager::OpenUpload(std::string name, UploadDone done) {
  control_.Post([this, name = std::move(name), done = std::move(done)] {
    commands_.OpenUpload(name, done);
  });
}

void SessionManager::GetUploaded(Upload& upload, const SessionDone& done) {
  upload.WhenLengthIsKnown(
      [this, name = upload.session_name(), done](const absl::Status&) {
        // Runs after the update that has the length.
        control_.Post([this, name, done] {
          live_.WhenShown(name, [this, name, done] { done(table_.Get(name)); });
        });
      });
}

void SessionManager::Find(
    std::string name,
    std::function<void(const std::shared_ptr<dataplane::Session>&)> done) {
  control_.Post([this, name = std::move(name), done = std::move(done)] {
    const LiveSessions::Live* const live = live_.Find(name);
    done(live == nullptr ? nullptr : live->session);
  });
}

void SessionManager::PortsInUse(
    std::function<void(std::vector<uint16_t>)> done) {
  control_.Post([this, done = std::move(done)] { done(ports_.in_use()); });
}

void SessionManager::OnEnd(const LiveSessions::Live& live,
                           const v1::Session& session) {
  const uint16_t port = live.session->data_endpoint().port();
  ports_.Release(port);
  store_.PutPortUse({.port = port, .end = absl::Now()});
  uploads_.Release(live);
  if (!IsFinal(session.state())) return;
  LogInfo("session_ended", {{"session", session.name()},
                            {"state", StateName(session.state())},
                            {"delivered", session.counts().delivered()},
                            {"failed", session.counts().failed()}});
  held_.AddFinished(session);
}

void SessionManager::OnTick() {
  held_.PurgeExpired(dataplane::Clock::now());
  live_.FlushLog();
  hub_.WakeAll();
}

void SessionManager::OnProgress() {
  if (hub_.progress_pace().Allows(ProgressPace::Clock::now()) &&
      table_.PublishProgress()) {
    hub_.WakeAll();
  }
}

}  // namespace tcptool::server
