// The data port: other nodes' connections, until their tickets have come.
#ifndef TCPTOOL_SERVER_PEERS_PEER_PORT_H_
#define TCPTOOL_SERVER_PEERS_PEER_PORT_H_

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/session/listener.h"
#include "dataplane/tls/tls_connection.h"
#include "server/base/event_limit.h"
#include "server/front/places.h"
#include "server/peers/ticket_book.h"

namespace tcptool::server {

// A connection whose ticket has come.
struct DataConnection {
  dataplane::UniqueFd socket;  // Does not block, and resets on close.
  asio::ip::tcp::endpoint peer;
  // Whose handshake is done; null: it is in clear text.
  std::unique_ptr<dataplane::TlsConnection> tls;
};

// Reads the ticket from each connection and not a byte more, and then gives the
// connection away. Who has not sent it in time is reset. Where many have not,
// one of the host that has the most makes room (Places), so that no host keeps
// the others' nodes off, however fast it connects; nor do many hosts, as one
// that has tickets keeps a place for each, of half of the places. Lives on the
// thread of its io_context.
//
// With TLS the ticket comes within it: until then, a connection has the memory
// of a handshake, with a certificate that is good.
class PeerPort {
 public:
  struct Limits {
    // From the connection to the last byte of the ticket.
    std::chrono::milliseconds timeout{5'000};
    size_t most_waiting = 64;  // Half of them from one host at most.
  };
  using OnTicket =
      std::function<void(const TicketBook::Secret&, DataConnection)>;
  // What new connections are encrypted with, which wants certificates of them.
  using NewTls = std::function<std::shared_ptr<SSL_CTX>()>;
  // How many tickets a host (HostOf()) has been given and has not used.
  using TicketsOf = std::function<size_t(const std::string& host)>;

  // Errors as those of dataplane::Listener::Listen(). `io` outlives the port.
  // `new_tls`: null, connections are in clear text.
  static absl::StatusOr<std::unique_ptr<PeerPort>> Listen(
      asio::io_context& io, const asio::ip::tcp::endpoint& endpoint,
      const Limits& limits, TicketsOf tickets_of, OnTicket on_ticket,
      NewTls new_tls = nullptr);

  ~PeerPort();

  // With the actual port.
  const asio::ip::tcp::endpoint& endpoint() const {
    return listener_.endpoint();
  }

  // Accepts from here on.
  void Open();

 private:
  class Waiting;

  PeerPort(asio::io_context& io, dataplane::Listener listener,
           const Limits& limits, TicketsOf tickets_of, OnTicket on_ticket,
           NewTls new_tls)
      : io_(io),
        listener_(std::move(listener)),
        limits_(limits),
        tickets_of_(std::move(tickets_of)),
        on_ticket_(std::move(on_ticket)),
        new_tls_(std::move(new_tls)),
        places_(limits.most_waiting) {}

  void OnConnection(dataplane::UniqueFd socket,
                    const asio::ip::tcp::endpoint& peer);
  // It has not shaken hands, for this reason.
  void LogRefused(const asio::ip::tcp::endpoint& peer, const std::string& why);
  void Forget(Places::Id id);

  asio::io_context& io_;
  dataplane::Listener listener_;
  const Limits limits_;
  const TicketsOf tickets_of_;
  const OnTicket on_ticket_;
  const NewTls new_tls_;
  EventLimit refusals_;  // That are logged.
  Places places_;        // Of those that wait.
  std::map<Places::Id, std::shared_ptr<Waiting>> waiting_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_PEER_PORT_H_
