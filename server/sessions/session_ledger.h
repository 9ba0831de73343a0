// Stores a session's updates, and then shows them to the watchers.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "server/sessions/durable_updates.h"
#include "server/store/store.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// A session's new state, a new recipient and a recipient's final state are
// shown to watchers only when they are durable, so that nobody is told what a
// crash can take back, and no name is used for a second recipient. Progress is
// not stored, and is shown at once if nothing waits in front of it: see
// DurableUpdates.
//
// Lives on one thread, that of its executor.
class SessionLedger {
 public:
  struct Update {
    v1::Session session;  // With its spec, if that has changed.
    std::map<uint64_t, v1::Recipient> changed;  // By number.
    std::vector<uint64_t> forgotten;
    bool is_over = false;  // The last one.
    // Called when it has been shown.
    std::vector<std::function<void()>> then;

    bool empty() const { return session.name().empty(); }
    void Merge(Update newer);
  };
  using Show = DurableUpdates<Update>::Show;

  // `store` outlives it. `show` is called on the executor.
  SessionLedger(Store& store, asio::any_io_executor executor, Show show)
      : store_(store),
        updates_(std::make_shared<DurableUpdates<Update>>(
            store, std::move(executor), std::move(show))) {}

  // The session's initial state, or that in which it is restored, with its
  // spec.
  void Open(const v1::Session& session, const SessionExtra& extra);
  // From now on a restart loses the content.
  void UploadBegins();
  bool upload_begun() const { return extra_.upload_begun; }

  void Add(Update update);
  // Calls `then` when all that was added is shown, possibly before this
  // returns.
  void WhenShown(std::function<void()> then) {
    updates_->WhenShown(std::move(then));
  }

 private:
  // Writes to the store what it keeps of an update. Returns when the update may
  // be shown.
  ShowWhen WriteToStore(const Update& update);

  // What the store has of a recipient.
  struct StoredState {
    v1::RecipientState state = v1::RECIPIENT_STATE_UNSPECIFIED;
    int32_t attempt = 0;
    std::string label;

    bool operator==(const StoredState&) const = default;
  };

  Store& store_;
  const std::shared_ptr<DurableUpdates<Update>> updates_;
  v1::Session stored_;  // As the store has it, without the spec.
  SessionExtra extra_;
  std::map<uint64_t, StoredState> stored_recipients_;  // By number.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_
