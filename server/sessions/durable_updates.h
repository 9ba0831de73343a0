// Shows updates in order, those that must be durable once they are.
#ifndef TCPTOOL_SERVER_SESSIONS_DURABLE_UPDATES_H_
#define TCPTOOL_SERVER_SESSIONS_DURABLE_UPDATES_H_

#include <asio/any_io_executor.hpp>
#include <asio/post.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/store/store.h"

namespace tcptool::server {

enum class ShowWhen { kNow, kDurable };

// Updates of one object, whose owner has given to the store what is to be kept
// of each before it adds it.
//
//   Add() -+- kNow, nothing waits ---------------------------> show
//          |
//          +- kDurable, nothing waits --> held_ -- durable --> show
//          |                                ^
//          |                                | becomes the next held_ if some of
//          |                                | it is kDurable
//          +- held_ waits ----------> next_ -- otherwise ----> show
//
// held_ is one update that waits for the disk. What comes meanwhile is merged
// into next_, of each object the newest. Once held_ was shown, next_ takes its
// place, or is shown at once if it has nothing that must be durable.
//
// An `Update` has
//   bool empty() const              nothing is to be shown of it;
//   void Merge(Update newer)        newer values replace older ones;
//   std::vector<std::function<void()>> then    called when it has been shown.
//
// Lives on one thread, that of its executor.
template <typename Update>
class DurableUpdates
    : public std::enable_shared_from_this<DurableUpdates<Update>> {
 public:
  using Show = std::function<void(const Update&)>;

  // `store` outlives it. `show` is called on the executor.
  DurableUpdates(Store& store, asio::any_io_executor executor, Show show)
      : store_(store), executor_(std::move(executor)), show_(std::move(show)) {}

  void Add(Update update, ShowWhen when) {
    if (holding_) {
      next_.Merge(std::move(update));
      if (when == ShowWhen::kDurable) show_next_ = when;
    } else if (when == ShowWhen::kDurable) {
      held_ = std::move(update);
      ShowHeldWhenDurable();
    } else {
      ShowNow(std::move(update));
    }
  }

  // Calls `then` when all that was added is shown, possibly before this
  // returns.
  void WhenShown(std::function<void()> then) {
    if (!holding_) return then();
    next_.then.push_back(std::move(then));
  }

 private:
  // Shows held_ when the store has written everything so far.
  void ShowHeldWhenDurable() {
    holding_ = true;
    store_.WhenDurable([self = this->shared_from_this()](const absl::Status&) {
      // The store logs a write error and retries; what has happened is shown
      // anyway.
      asio::post(self->executor_, [self] { self->OnDurable(); });
    });
  }
  void OnDurable() {
    ShowNow(std::exchange(held_, {}));
    if (std::exchange(show_next_, ShowWhen::kNow) == ShowWhen::kDurable) {
      held_ = std::exchange(next_, {});
      return ShowHeldWhenDurable();
    }
    holding_ = false;
    ShowNow(std::exchange(next_, {}));
  }
  void ShowNow(Update update) {
    if (!update.empty()) show_(update);
    for (const auto& then : update.then) then();
  }

  Store& store_;
  const asio::any_io_executor executor_;
  const Show show_;
  bool holding_ = false;  // held_ waits to be durable.
  Update held_;
  Update next_;
  ShowWhen show_next_ = ShowWhen::kNow;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_DURABLE_UPDATES_H_
