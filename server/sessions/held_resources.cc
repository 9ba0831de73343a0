#include "server/sessions/held_resources.h"

#include <asio/post.hpp>
#include <utility>

namespace tcptool::server {

void HeldResources::Purge(const std::string& name) {
  if (!retention_.Remove(name)) return;
  forget_(name);
  request_ids_.OnDeleted(name);
  --count_;
  hub_.WakeAll();
}

void HeldResources::PurgeDurably(const std::string& name,
                                 asio::any_io_executor executor, Done done) {
  Purge(name);
  store_.WhenDurable(
      [executor, done = std::move(done)](const absl::Status& status) {
        asio::post(executor, [done, status] { done(status); });
      });
}

void HeldResources::PurgeSurplus() {
  while (count_ > max_ && retention_.Oldest()) Purge(*retention_.Oldest());
}

void HeldResources::PurgeExpired(Retention::Clock::time_point now) {
  while (const auto expired = retention_.Expired(now)) Purge(*expired);
}

}  // namespace tcptool::server
