// Where recipients find this node.
#ifndef TCPTOOL_SERVER_SESSIONS_ADVERTISED_ADDRESS_H_
#define TCPTOOL_SERVER_SESSIONS_ADVERTISED_ADDRESS_H_

#include <asio/ip/tcp.hpp>
#include <string>

namespace tcptool::server {

// Immutable. Any thread may call any method.
class AdvertisedAddress {
 public:
  // `address`: an IP address or a name that recipients reach this node by;
  // empty if the node's own are good.
  explicit AdvertisedAddress(std::string address);

  // Where recipients connect to a session that listens on `listening`:
  // "192.0.2.7:9876", "[2001:db8::7]:9876", "node-1.example:9876".
  //
  // A session that listens on one address is reached there; only a given
  // address that the network translates to that one goes before it, unless it
  // is a loopback address. One that listens on all addresses is reached at the
  // given one, else at the address from which this node reaches others: that of
  // the default route, looked up now, since DHCP may change it; where there is
  // no such route, at that of the first interface that is up. A node with a
  // loopback interface alone is reached there.
  std::string EndpointOf(const asio::ip::tcp::endpoint& listening) const;

 private:
  const std::string address_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SESSIONS_ADVERTISED_ADDRESS_H_
