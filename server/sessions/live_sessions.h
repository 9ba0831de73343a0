// The sessions that are in the data plane, and how the table shows them.
#ifndef TCPTOOL_SERVER_SESSIONS_LIVE_SESSIONS_H_
#define TCPTOOL_SERVER_SESSIONS_LIVE_SESSIONS_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/content/stream_source.h"
#include "dataplane/session/session.h"
#include "server/base/steady_cond_var.h"
#include "server/sessions/recipient_log.h"
#include "server/sessions/session_ledger.h"
#include "server/sessions/update_mailbox.h"
#include "server/store/store.h"
#include "server/watch/session_table.h"
#include "server/watch/watch_hub.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// Used on the one thread of its executor; callbacks are called there.
class LiveSessions {
 public:
  using Done = std::function<void(absl::Status)>;

  struct Live {
    std::shared_ptr<dataplane::Session> session;
    v1::Session message;  // As last seen; the table has its spec.
    // Decides when changes of it are shown.
    std::shared_ptr<SessionLedger> ledger;
    // Set until its upload begins; null if its source is no upload.
    std::shared_ptr<dataplane::StreamSource> upload;
    size_t upload_bytes = 0;  // Reserved for its window.
    bool immediate = false;
    std::vector<Done> on_end;
  };
  // A session has ended, and the table shows it: its state is final, or it
  // continues at the service's next start.
  using OnEnd = std::function<void(const Live&, const v1::Session&)>;

  // `table`, `hub` and `store` outlive it.
  LiveSessions(asio::any_io_executor executor, SessionTable& table,
               WatchHub& hub, Store& store, OnEnd on_end)
      : executor_(std::move(executor)),
        table_(table),
        hub_(hub),
        store_(store),
        on_end_(std::move(on_end)) {}

  // Creates the observer of the session that will have this name, which must be
  // Add()ed in the task that creates it.
  std::shared_ptr<dataplane::SessionObserver> NewObserver(std::string name);

  // Adds the session, and shows it; `message` is its initial state, with its
  // spec. `extra` is what the store had of it, if it is restored. `upload` may
  // be null.
  void Add(std::shared_ptr<dataplane::Session> session,
           const v1::Session& message, SessionExtra extra,
           std::shared_ptr<dataplane::StreamSource> upload);

  bool contains(const std::string& name) const { return live_.contains(name); }
  // Null: there is none. Valid until the current task ends.
  Live* Find(const std::string& name);

  // Calls `then` when the table shows everything that has happened to the
  // session so far, possibly before this returns.
  void WhenShown(const std::string& name, std::function<void()> then);
  // Gives the session another spec, and calls `then` when the table shows it,
  // which it does once it is durable.
  void ChangeSpec(const std::string& name, const v1::SessionSpec& spec,
                  std::function<void()> then);
  // Cancels a session; `done` is called when the table shows its end. ABORTED:
  // it is not `expected`, if that is given.
  void Cancel(const std::string& name,
              std::optional<dataplane::SessionState> expected, Done done);
  // As Session::Drain(), all of them.
  void Drain();
  // Call it about once a second, and at the end: tells the log how many
  // recipients have ended that were not told one by one.
  void FlushLog() { log_.Flush(); }

  // Waits until there is none, at most for `timeout`. True: there is none. Any
  // thread but that of the executor.
  bool WaitUntilIdle(absl::Duration timeout);

 private:
  void OnUpdate(const std::string& name, const UpdateMailbox::Mail& mail);
  // Whether a session that the end of the service cuts off continues at the
  // next start.
  bool GoesOnLater(const Live& live) const;
  void Show(const SessionLedger::Update& update);
  void End(const std::string& name);
  void Count();

  const asio::any_io_executor executor_;
  SessionTable& table_;
  WatchHub& hub_;
  Store& store_;
  const OnEnd on_end_;
  std::map<std::string, Live> live_;
  RecipientLog log_;

  absl::Mutex mutex_;
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;  // As many as live_ has.
  SteadyCondVar count_changed_;
};

// UNAVAILABLE: the session is not finished, and not live either: Drain() has
// ended it until the next start.
absl::Status WaitsForNextStart(const std::string& session_name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_LIVE_SESSIONS_H_
