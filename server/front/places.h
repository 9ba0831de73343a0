// Who of a port's clients has a place, and who makes room for whom.
#ifndef TCPTOOL_SERVER_FRONT_PLACES_H_
#define TCPTOOL_SERVER_FRONT_PLACES_H_

#include <sys/socket.h>

#include <asio/ip/address.hpp>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace tcptool::server {

// The host that a peer's address stands for: the bytes of an IPv4 address, or
// of an IPv6 one's first half, as a host has as many addresses as it likes in a
// /64. Empty: a Unix socket's.
std::string HostOf(const sockaddr_storage& peer);
std::string HostOf(const asio::ip::address& peer);

// A fixed number of places, half of them for one host at most, so that no host
// keeps all others out. Nor do many hosts: when there is no place, the oldest
// stranger of the host that has the most strangers makes room. A host never
// takes a place of one that has no more strangers than itself; who has shown
// credentials is no stranger, and takes nothing from the others of its host.
// Not thread-safe.
class Places {
 public:
  // Of a connection that has a place. Later ones are greater.
  using Id = uint64_t;

  struct Entry {
    std::optional<Id> id;          // nullopt: there is no place.
    std::optional<Id> turned_out;  // Who had it; has none any more.
  };

  explicit Places(size_t count) : count_(count) {}

  // A stranger has come. The places of a Unix socket (an empty `host`) may all
  // be taken.
  Entry Enter(const std::string& host);
  // It has shown credentials: it makes no room any more.
  void Trust(Id id);
  // Does nothing if it was turned out.
  void Leave(Id id);

  size_t taken() const { return places_.size(); }
  size_t trusted() const { return trusted_; }
  size_t TakenBy(const std::string& host) const { return CountOf(host).all; }
  size_t TrustedOf(const std::string& host) const {
    return CountOf(host).all - CountOf(host).strangers;
  }

 private:
  struct Place {
    std::string host;
    bool trusted = false;
  };
  struct Count {
    size_t all = 0;
    size_t strangers = 0;
  };

  Count CountOf(const std::string& host) const;
  bool HasRoomFor(const std::string& host) const;
  // Who makes room for one of `host`; nullopt: nobody.
  std::optional<Id> WhoMakesRoom(const std::string& host) const;

  const size_t count_;
  Id last_ = 0;
  size_t trusted_ = 0;
  std::map<Id, Place> places_;  // The oldest first.
  absl::flat_hash_map<std::string, Count> by_host_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_PLACES_H_
