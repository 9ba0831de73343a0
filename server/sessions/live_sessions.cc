#include "server/sessions/live_sessions.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/translate.h"

namespace tcptool::server {
namespace {

// Whether the attempt is shown with this end already: a recipient that has
// ended changes once more when it becomes an expected one.
bool HasEnded(const SessionTable& table, const v1::Recipient& recipient) {
  const auto known = table.GetRecipient(recipient.name());
  return known.ok() && known->state() == recipient.state() &&
         known->attempt() == recipient.attempt();
}

}  // namespace

absl::Status WaitsForNextStart(const std::string& session_name) {
  return Unavailable(v1::ERROR_REASON_SERVICE_STOPPING,
                     absl::StrCat("the service is stopping; ", session_name,
                                  " goes on when it is back: try again then"));
}

std::shared_ptr<dataplane::SessionObserver> LiveSessions::NewObserver(
    std::string name) {
  return std::make_shared<UpdateMailbox>(
      executor_,
      [this, name = std::move(name)](const UpdateMailbox::Mail& mail) {
        OnUpdate(name, mail);
      });
}

void LiveSessions::Add(std::shared_ptr<dataplane::Session> session,
                       const v1::Session& message, SessionExtra extra,
                       std::shared_ptr<dataplane::StreamSource> upload) {
  extra.number = table_.Insert(message, extra.number);
  v1::Session status = message;
  status.clear_spec();
  Live& live = live_[message.name()];
  live = {.session = std::move(session),
          .message = std::move(status),
          .ledger = std::make_shared<SessionLedger>(
              store_, executor_,
              [this](const SessionLedger::Update& update) { Show(update); }),
          .upload = std::move(upload),
          .immediate = message.spec().start().immediate()};
  std::vector<v1::Recipient> expected;
  for (const auto& recipient : live.session->TakeInitialRecipients()) {
    expected.push_back(ToProto(message.name(), recipient));
  }
  table_.Update(live.message, expected, {});
  live.ledger->Open(message, extra);
  Count();
}

LiveSessions::Live* LiveSessions::Find(const std::string& name) {
  const auto found = live_.find(name);
  return found == live_.end() ? nullptr : &found->second;
}

void LiveSessions::WhenShown(const std::string& name,
                             std::function<void()> then) {
  Live* const live = Find(name);
  if (live == nullptr) return then();
  live->ledger->WhenShown(std::move(then));
}

void LiveSessions::ChangeSpec(const std::string& name,
                              const v1::SessionSpec& spec,
                              std::function<void()> then) {
  Live& live = live_.at(name);
  v1::Session changed = live.message;
  SetChangedSpec(spec, changed);
  live.message = changed;
  live.message.clear_spec();
  live.ledger->Add({.session = std::move(changed)});
  live.ledger->WhenShown(std::move(then));
}

void LiveSessions::Cancel(const std::string& name,
                          std::optional<dataplane::SessionState> expected,
                          Done done) {
  live_.at(name).session->Cancel(expected, [this, name, done = std::move(done)](
                                               const absl::Status& status) {
    asio::post(executor_, [this, name, done, status] {
      if (!status.ok()) return done(EtagMismatch(name, status.message()));
      // The session's last update may already have been processed.
      if (Live* const live = Find(name); live != nullptr) {
        return live->on_end.push_back(done);
      }
      const auto session = table_.Get(name);
      if (session.ok() && !IsFinal(session->state())) {
        return done(WaitsForNextStart(name));
      }
      done(session.status());
    });
  });
}

void LiveSessions::Drain() {
  for (const auto& [name, live] : live_) live.session->Drain();
}

bool LiveSessions::WaitUntilIdle(absl::Duration timeout) {
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return count_ == 0;
  };
  absl::MutexLock lock(&mutex_);
  return count_changed_.WaitFor(&mutex_, absl::ToChronoNanoseconds(timeout),
                                idle);
}

void LiveSessions::OnUpdate(const std::string& name,
                            const UpdateMailbox::Mail& mail) {
  Live* const live = Find(name);
  if (live == nullptr) return;
  v1::Session& message = live->message;
  CopyStatus(mail.session, message);
  const bool is_over = dataplane::IsFinal(mail.session.state);
  if (message.state() == v1::SESSION_STATE_INTERRUPTED && GoesOnLater(*live)) {
    message.set_state(message.has_start_time() ? v1::SESSION_STATE_TRANSFERRING
                                               : v1::SESSION_STATE_WAITING);
    message.clear_end_time();
  }
  message.set_etag(NewEtag(message));
  SessionLedger::Update update = {
      .session = message, .forgotten = mail.forgotten, .is_over = is_over};
  for (const auto& [id, recipient] : mail.changed) {
    v1::Recipient& shown = update.changed[id];
    shown = ToProto(name, recipient);
    if (dataplane::IsFinal(recipient.state) && !HasEnded(table_, shown)) {
      log_.Add(name, recipient, shown);
    }
  }
  live->ledger->Add(std::move(update));
}

bool LiveSessions::GoesOnLater(const Live& live) const {
  if (!store_.persistent()) return false;
  // An immediate session serves its file again; any other must not have sent or
  // received content.
  return live.immediate ||
         (!live.message.has_start_time() && !live.ledger->upload_begun());
}

void LiveSessions::Show(const SessionLedger::Update& update) {
  std::vector<v1::Recipient> changed;
  changed.reserve(update.changed.size());
  for (const auto& [number, recipient] : update.changed) {
    changed.push_back(recipient);
  }
  if (table_.Update(update.session, changed, update.forgotten)) hub_.WakeAll();
  if (update.is_over) End(update.session.name());
}

void LiveSessions::End(const std::string& name) {
  const auto live = live_.find(name);
  const Live ended = std::move(live->second);
  live_.erase(live);
  const v1::Session session = *table_.Get(name);
  on_end_(ended, session);
  for (const Done& done : ended.on_end) {
    done(IsFinal(session.state()) ? absl::OkStatus() : WaitsForNextStart(name));
  }
  // Last, since WaitUntilIdle() promises that all of the above is done.
  Count();
}

void LiveSessions::Count() {
  absl::MutexLock lock(&mutex_);
  count_ = live_.size();
  count_changed_.NotifyAll();
}

}  // namespace tcptool::server
