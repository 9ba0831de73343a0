// The members of an etcd cluster, and which of them is asked.
#ifndef TCPTOOL_SERVER_FLEET_ETCD_ENDPOINTS_H_
#define TCPTOOL_SERVER_FLEET_ETCD_ENDPOINTS_H_

#include <grpcpp/channel.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "etcd/rpc.grpc.pb.h"
#include "server/fleet/etcd/etcd_options.h"

namespace tcptool::fleet {

struct Endpoint {
  explicit Endpoint(const std::string& address,
                    const std::shared_ptr<grpc::Channel>& channel);

  const std::string name;
  const std::unique_ptr<etcdserverpb::KV::Stub> kv;
  const std::unique_ptr<etcdserverpb::Lease::Stub> lease;
  const std::unique_ptr<etcdserverpb::Watch::Stub> watch;
  const std::unique_ptr<etcdserverpb::Auth::Stub> auth;
};

// A channel for each member, and not one for all: each has to show a
// certificate of its own name, and a call must not wait for a member that does
// not answer. The channels share no connections with others. Not thread-safe.
class Endpoints {
 public:
  // Connects when it is first used.
  explicit Endpoints(const EtcdOptions& options);

  size_t size() const { return endpoints_.size(); }
  const Endpoint& current() const { return *endpoints_[current_]; }
  // A call to one of them failed; if nobody has turned to another since, the
  // next is the current one.
  void TurnFrom(const Endpoint& failed);

 private:
  std::vector<std::unique_ptr<const Endpoint>> endpoints_;
  size_t current_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_ETCD_ENDPOINTS_H_
