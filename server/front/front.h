// Stands between the control port's clients and gRPC.
#ifndef TCPTOOL_SERVER_FRONT_FRONT_H_
#define TCPTOOL_SERVER_FRONT_FRONT_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/base/unique_fd.h"
#include "server/base/event_limit.h"
#include "server/base/steady_cond_var.h"
#include "server/front/connection.h"
#include "server/front/leaving_clients.h"
#include "server/front/places.h"
#include "server/front/stranger_slots.h"
#include "server/security/peer.h"
#include "server/security/role.h"
#include "server/security/tls.h"

namespace tcptool::server {

// Ends TLS, and gives gRPC one end of a pair of Unix sockets in place of each
// client's connection: what strangers send is bounded there (StrangerCalls),
// where HTTP/2 can be seen. To gRPC, the address of a peer is the name of the
// pair's other end, which no other one ever has; Find() says who that is.
//
// Bounds the connections (Places): when there is no place, an older stranger
// makes room. Until gRPC has let go of that one, the new one waits, and all
// together never have more descriptors than the places.
//
// A connection takes three descriptors. Any thread may call any method.
class Front {
 public:
  static constexpr int kDescriptorsPerConnection = 3;
  // Connections that Take() was given, and that have no place yet.
  static constexpr size_t kMaxArriving = 2;
  // Slots of StrangerSlots.
  static constexpr size_t kStrangerSlots = 256;

  // Takes gRPC's end of a connection; called on the front's thread.
  using ToGrpc = std::function<void(dataplane::UniqueFd)>;

  // `address`: the port that it is in front of, for the log. `tls`: null for
  // clear text; outlives the front. `max_connections`: how many places there
  // are. Ignores SIGPIPE from here on, as OpenSSL writes without MSG_NOSIGNAL.
  Front(std::string address, const TlsContext* tls, size_t max_connections,
        ToGrpc to_grpc);
  // Closes what is open.
  ~Front();

  // A client's connection, non-blocking. May wait for a moment until there are
  // fewer that have just come.
  void Take(dataplane::UniqueFd client);
  // Gives gRPC no connection any more. Waits, for `timeout` at most, until it
  // has its end of those that were taken before; what it does not have by then
  // is closed.
  void Close(std::chrono::nanoseconds timeout);

  // Who is behind the connection that gRPC calls `name`.
  struct Visitor {
    std::shared_ptr<const Peer> peer;  // Null: the connection is gone.
    bool trusted = false;
  };
  Visitor Find(const std::string& name) const;
  // `caller` has shown credentials on it. It stays trusted for as long as those
  // of one of its callers hold.
  void Trust(const std::string& name, const Caller& caller);
  // Closes the connections that were trusted, and for whose callers `holds` is
  // false. To be called when credentials were taken away; `holds` must not call
  // a method of the front's.
  void Revoke(const std::function<bool(const Caller&)>& holds);
  // The service has a call of one that is not trusted, until what this returns
  // is gone; the front outlives that.
  std::shared_ptr<void> CountCall();

  // Waits until all connections are closed, after gRPC has closed its own; at
  // most for `timeout`.
  void WaitUntilNone(std::chrono::nanoseconds timeout);

 private:
  struct Client {
    std::shared_ptr<Connection> connection;
    std::shared_ptr<const Peer> peer;
    std::vector<Caller> callers;  // Who have shown credentials that hold.
    Places::Id place;
  };

  void Enter(dataplane::UniqueFd client);
  void TurnOut(Places::Id place);
  void TellFull(const std::string& host);
  // As many as there is room for; none, and closes them, after Close().
  void BeginWaiting();
  void Begin(Places::Id place, dataplane::UniqueFd client);
  void OnReady(const std::string& name, const X509* certificate);
  void OnRefused(const std::string& name, absl::string_view why);
  void OnEnd(const std::string& name, dataplane::UniqueFd unacknowledged);
  void Tick();

  const std::string address_;
  const TlsContext* const tls_;
  const size_t max_connections_;
  const ToGrpc to_grpc_;
  // Handlers that io_ still has when it goes use these two.
  std::vector<char> scratch_;
  StrangerSlots slots_{kStrangerSlots};
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_;
  EventLimit refusals_;
  EventLimit full_;
  // Only the front's thread uses these three.
  Places places_{max_connections_};
  // They have a place, which somebody is about to leave.
  std::map<Places::Id, dataplane::UniqueFd> waiting_;
  LeavingClients leaving_;
  mutable absl::Mutex mutex_;
  // By gRPC's name of the connection.
  absl::flat_hash_map<std::string, Client> clients_ ABSL_GUARDED_BY(mutex_);
  size_t arriving_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;  // Nothing more for gRPC.
  SteadyCondVar changed_;  // Notified when one has gone, or has arrived.
  std::thread thread_;     // Runs io_.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_FRONT_H_
