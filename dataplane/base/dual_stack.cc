#include "dataplane/base/dual_stack.h"

#include <asio/error.hpp>
#include <asio/ip/v6_only.hpp>

namespace tcptool::dataplane {

void OpenDualStack(asio::ip::tcp::acceptor& acceptor,
                   asio::ip::tcp::endpoint& endpoint, std::error_code& error) {
  acceptor.open(endpoint.protocol(), error);
  if (!endpoint.address().is_v6() || !endpoint.address().is_unspecified()) {
    return;
  }
  if (error == asio::error::address_family_not_supported) {
    endpoint = {asio::ip::tcp::v4(), endpoint.port()};
    acceptor.open(endpoint.protocol(), error);
  } else if (!error) {
    acceptor.set_option(asio::ip::v6_only(false), error);
  }
}

}  // namespace tcptool::dataplane
