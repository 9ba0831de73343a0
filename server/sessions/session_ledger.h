// A session's updates on their way into the store and to those who watch.
#ifndef TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_
#define TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_

#include <asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "server/store/store.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// What must not be forgotten is shown when it is durable: the session's state,
// and the recipients' final ones. Until then the updates behind it wait too, of
// which the newest of each object is kept. Progress is not stored.
//
// Lives on one thread, that of its executor.
class SessionLedger : public std::enable_shared_from_this<SessionLedger> {
 public:
  struct Update {
    v1::Session session;
    std::map<uint64_t, v1::Recipient> changed;  // By number.
    std::vector<uint64_t> forgotten;
    bool is_over = false;  // The last one.
    // Called when it has been shown.
    std::vector<std::function<void()>> then;
  };
  using Show = std::function<void(const Update&)>;

  // `store` outlives it. `show` is called on the executor.
  SessionLedger(Store& store, asio::any_io_executor executor, Show show)
      : store_(store), executor_(std::move(executor)), show_(std::move(show)) {}

  // The session as it begins, or begins again.
  void Open(const v1::Session& session, uint64_t last_recipient);
  // From now on the content is lost in a restart.
  void UploadBegins();
  bool upload_begun() const { return upload_begun_; }

  void Add(Update update);
  // Behind what has been added; perhaps at once.
  void WhenShown(std::function<void()> then);

 private:
  // Puts what the store is to know. True: it has to be durable before it is
  // shown.
  bool Put(const Update& update);
  void Hold();
  void OnDurable();
  void ShowAll(Update update);

  Store& store_;
  const asio::any_io_executor executor_;
  const Show show_;
  v1::Session stored_;  // As the store has it, without the spec.
  uint64_t last_recipient_ = 0;
  bool upload_begun_ = false;
  std::map<uint64_t, v1::RecipientState> stored_recipients_;
  bool holding_ = false;
  Update held_;  // To be shown when it is durable.
  Update next_;  // What came since.
  bool next_holds_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_SESSION_LEDGER_H_
