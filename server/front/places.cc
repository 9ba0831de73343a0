#include "server/front/places.h"

#include <netinet/in.h>

#include <algorithm>
#include <asio/ip/tcp.hpp>
#include <cstring>
#include <utility>

namespace tcptool::server {

std::string HostOf(const sockaddr_storage& peer) {
  const auto bytes = [](const auto& address, size_t size) {
    return std::string(reinterpret_cast<const char*>(&address), size);
  };
  if (peer.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(peer);
    return bytes(v4.sin_addr, sizeof(v4.sin_addr));
  }
  if (peer.ss_family != AF_INET6) return "";
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return bytes(v6.s6_addr32[3], 4);
  return bytes(v6, sizeof(v6) / 2);
}

std::string HostOf(const asio::ip::address& peer) {
  const asio::ip::tcp::endpoint endpoint(peer, 0);
  sockaddr_storage address{};
  std::memcpy(&address, endpoint.data(), endpoint.size());
  return HostOf(address);
}

Places::Entry Places::Enter(const std::string& host) {
  Entry entry;
  if (!HasRoomFor(host)) {
    entry.turned_out = WhoMakesRoom(host);
    if (!entry.turned_out) return {};
    Leave(*entry.turned_out);
  }
  entry.id = ++last_;
  places_.emplace(*entry.id, Place{.host = host});
  Count& count = by_host_[host];
  ++count.all;
  ++count.strangers;
  return entry;
}

void Places::Trust(Id id) {
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  Place& place = found->second;
  if (std::exchange(place.trusted, true)) return;
  --by_host_.at(place.host).strangers;
  ++trusted_;
}

void Places::Leave(Id id) {
  const auto found = places_.find(id);
  if (found == places_.end()) return;
  const Place& place = found->second;
  const auto count = by_host_.find(place.host);
  --(place.trusted ? trusted_ : count->second.strangers);
  if (--count->second.all == 0) by_host_.erase(count);
  places_.erase(found);
}

Places::Count Places::CountOf(const std::string& host) const {
  const auto found = by_host_.find(host);
  return found == by_host_.end() ? Count() : found->second;
}

bool Places::HasRoomFor(const std::string& host) const {
  if (places_.size() >= count_) return false;
  return host.empty() || TakenBy(host) < std::max<size_t>(count_ / 2, 1);
}

std::optional<Places::Id> Places::WhoMakesRoom(const std::string& host) const {
  // Its own, unless all are taken and another host has more.
  const bool is_full = places_.size() >= count_;
  size_t most = CountOf(host).strangers;
  std::optional<Id> who;
  for (const auto& [id, place] : places_) {
    if (place.trusted) continue;
    const bool is_own = place.host == host;
    const size_t strangers = CountOf(place.host).strangers;
    const bool is_better =
        is_own ? !who && strangers == most : is_full && strangers > most;
    if (!is_better) continue;
    who = id;
    most = strangers;
  }
  return who;
}

}  // namespace tcptool::server
