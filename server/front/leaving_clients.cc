#include "server/front/leaving_clients.h"

#include <sys/socket.h>

#include <utility>

#include "server/front/reset_on_close.h"
#include "server/front/unacknowledged.h"

namespace tcptool::server {

using dataplane::UniqueFd;

void LeavingClients::Add(Places::Id place, UniqueFd client,
                         Clock::time_point now) {
  shutdown(client.get(), SHUT_WR);
  leaving_.emplace(place, Leaving{.client = std::move(client), .since = now});
}

bool LeavingClients::Reset(Places::Id place) {
  const auto leaving = leaving_.extract(place);
  if (leaving.empty()) return false;
  ResetOnClose(leaving.mapped().client.get());
  return true;
}

std::vector<Places::Id> LeavingClients::Tick(Clock::time_point now) {
  std::vector<Places::Id> gone;
  for (const auto& [place, leaving] : leaving_) {
    if (HasAll(leaving.client.get())) {
      gone.push_back(place);
    } else if (now - leaving.since >= kPatience) {
      ResetOnClose(leaving.client.get());
      gone.push_back(place);
    }
  }
  for (const Places::Id place : gone) leaving_.erase(place);
  return gone;
}

}  // namespace tcptool::server
