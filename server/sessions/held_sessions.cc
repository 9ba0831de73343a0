#include "server/sessions/held_sessions.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::Status HeldSessions::CheckRoom() const {
  if (count_ < max_sessions_ || retention_.Oldest()) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrCat(
      "the service has ", count_,
      " sessions that are not finished, as many as it allows; end one"));
}

void HeldSessions::Purge(const std::string& name) {
  if (!retention_.Remove(name)) return;
  table_.Remove(name);
  store_.DeleteSession(name);
  --count_;
  hub_.WakeAll();
}

void HeldSessions::PurgeDurably(const std::string& name,
                                asio::any_io_executor executor, Done done) {
  Purge(name);
  store_.WhenDurable([executor, done = std::move(done)](absl::Status status) {
    asio::post(executor, [done, status] { done(status); });
  });
}

void HeldSessions::PurgeSurplus() {
  while (count_ > max_sessions_ && retention_.Oldest()) {
    Purge(*retention_.Oldest());
  }
}

void HeldSessions::PurgeExpired(absl::Time now) {
  while (const auto expired = retention_.Expired(now)) Purge(*expired);
}

}  // namespace tcptool::server
