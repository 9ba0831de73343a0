#include "server/sessions/session_ledger.h"

#include <asio/post.hpp>
#include <utility>

#include "messages/states.h"

namespace tcptool::server {
namespace {

// Merges `newer` into `older`; newer values replace older ones.
void Merge(SessionLedger::Update& older, SessionLedger::Update newer) {
  if (!newer.session.name().empty()) older.session = std::move(newer.session);
  for (auto& [number, recipient] : newer.changed) {
    older.changed[number] = std::move(recipient);
  }
  for (const uint64_t number : newer.forgotten) {
    older.changed.erase(number);
    older.forgotten.push_back(number);
  }
  older.is_over |= newer.is_over;
  for (auto& then : newer.then) older.then.push_back(std::move(then));
}

}  // namespace

void SessionLedger::Open(const v1::Session& session,
                         const SessionExtra& extra) {
  extra_ = extra;
  stored_ = session;
  store_.PutSession(session, extra_);
  stored_.clear_spec();
}

void SessionLedger::UploadBegins() {
  extra_.upload_begun = true;
  store_.PutSession(stored_, extra_);
}

SessionLedger::ShowWhen SessionLedger::WriteToStore(const Update& update) {
  ShowWhen when = ShowWhen::kNow;
  for (const auto& [number, recipient] : update.changed) {
    // The spec has those that are expected.
    if (recipient.state() == v1::RECIPIENT_STATE_EXPECTED) continue;
    const StoredState state = {.state = recipient.state(),
                               .attempt = recipient.attempt()};
    if (std::exchange(stored_recipients_[number], state) == state) continue;
    store_.PutRecipient(recipient);
    if (IsFinal(state.state)) when = ShowWhen::kDurable;
  }
  for (const uint64_t number : update.forgotten) {
    stored_recipients_.erase(number);
    store_.DeleteRecipient(update.session.name(), number);
  }
  // Last, as the store may write in between: a session that is over must not
  // count recipients that a crash then loses.
  if (update.session.state() != stored_.state()) {
    stored_ = update.session;
    store_.PutSession(stored_, extra_);
    when = ShowWhen::kDurable;
  }
  return when;
}

void SessionLedger::Add(Update update) {
  const ShowWhen when = WriteToStore(update);
  if (holding_) {
    Merge(next_, std::move(update));
    if (when == ShowWhen::kDurable) show_next_ = when;
  } else if (when == ShowWhen::kDurable) {
    held_ = std::move(update);
    ShowHeldWhenDurable();
  } else {
    ShowNow(std::move(update));
  }
}

void SessionLedger::WhenShown(std::function<void()> then) {
  if (!holding_) return then();
  next_.then.push_back(std::move(then));
}

void SessionLedger::ShowHeldWhenDurable() {
  holding_ = true;
  store_.WhenDurable([self = shared_from_this()](const absl::Status&) {
    // The store logs a write error and retries; what has happened is shown
    // anyway.
    asio::post(self->executor_, [self] { self->OnDurable(); });
  });
}

void SessionLedger::OnDurable() {
  ShowNow(std::exchange(held_, {}));
  if (std::exchange(show_next_, ShowWhen::kNow) == ShowWhen::kDurable) {
    held_ = std::exchange(next_, {});
    return ShowHeldWhenDurable();
  }
  holding_ = false;
  ShowNow(std::exchange(next_, {}));
}

void SessionLedger::ShowNow(Update update) {
  if (!update.session.name().empty()) show_(update);
  for (const auto& then : update.then) then();
}

}  // namespace tcptool::server
