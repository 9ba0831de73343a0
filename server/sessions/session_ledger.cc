#include "server/sessions/session_ledger.h"

#include <utility>

#include "messages/states.h"

namespace tcptool::server {

void SessionLedger::Update::Merge(Update newer) {
  if (!newer.empty()) {
    if (session.has_spec() && !newer.session.has_spec()) {
      *newer.session.mutable_spec() = std::move(*session.mutable_spec());
    }
    session = std::move(newer.session);
  }
  for (auto& [number, recipient] : newer.changed) {
    changed[number] = std::move(recipient);
  }
  for (const uint64_t number : newer.forgotten) {
    changed.erase(number);
    forgotten.push_back(number);
  }
  is_over |= newer.is_over;
  for (auto& called : newer.then) then.push_back(std::move(called));
}

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

ShowWhen SessionLedger::WriteToStore(const Update& update) {
  ShowWhen when = ShowWhen::kNow;
  for (const auto& [number, recipient] : update.changed) {
    // The spec has those that are expected.
    if (recipient.state() == v1::RECIPIENT_STATE_EXPECTED) continue;
    const StoredState state = {.state = recipient.state(),
                               .attempt = recipient.attempt(),
                               .label = recipient.label()};
    const auto [stored, is_new] = stored_recipients_.try_emplace(number);
    if (!is_new && stored->second == state) continue;
    stored->second = state;
    store_.PutRecipient(recipient);
    if (is_new || IsFinal(state.state)) when = ShowWhen::kDurable;
  }
  for (const uint64_t number : update.forgotten) {
    stored_recipients_.erase(number);
    store_.DeleteRecipient(update.session.name(), number);
  }
  // The session after its recipients: the store may write at any moment what it
  // has been given, and a session that is stored as finished must not count
  // recipients whose rows a crash then loses.
  if (update.session.state() != stored_.state() || update.session.has_spec()) {
    stored_ = update.session;
    store_.PutSession(stored_, extra_);
    stored_.clear_spec();
    when = ShowWhen::kDurable;
  }
  return when;
}

void SessionLedger::Add(Update update) {
  const ShowWhen when = WriteToStore(update);
  updates_->Add(std::move(update), when);
}

}  // namespace tcptool::server
