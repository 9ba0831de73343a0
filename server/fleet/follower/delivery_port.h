// What a node's follower has done with contents. The daemon does it with
// receptions; a simulation may do it without sockets.
#ifndef TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_PORT_H_
#define TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_PORT_H_

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {

// A distribution, as this node knows it. One that is made under a name that
// another has had is another one.
struct DeliveryId {
  std::string distribution;
  int64_t revision = 0;  // At which its spec was created.
  // Of that spec: an etcd that was restored from a backup, or has begun anew,
  // may come to the same revision again.
  std::string uid;

  auto operator<=>(const DeliveryId&) const = default;
};

// A node that the content can be had from.
struct SendingNode {
  std::string name;
  std::string address;  // Node.peer_address.

  bool operator==(const SendingNode&) const = default;
};

struct DeliveryProgress {
  v1::DeliveryState state = v1::DELIVERY_STATE_WAITING;
  v1::Content content;  // If it is DELIVERED.
  // Why it is FAILED or CANCELLED; if it is WAITING for its turn, that it is,
  // or what the node lacks to begin.
  std::string detail;
  // Why others cannot have the content from here, if it is DELIVERED all the
  // same; empty: they can.
  std::string not_given;
  // As Delivery.moves.
  std::vector<v1::ParentMove> moves;
};

// How fast the content comes from a node.
struct ReceivedRate {
  std::string parent;  // Its name.
  // For how long it had something to give, and what has come then, in bytes.
  std::chrono::milliseconds busy{};
  uint64_t bytes = 0;
  // The same with the time in which it had nothing to give.
  std::chrono::milliseconds observed{};
  uint64_t observed_bytes = 0;
  // Bytes a second that it could send at least; 0: it has named no limit.
  uint64_t allowed = 0;
};

// How much of a content has come.
struct ReceivedBytes {
  int64_t received = 0;
  int64_t per_second = 0;  // Of late.
};

// How fast the node may send a content to others, in bytes a second; 0: no
// limit.
struct SendingLimits {
  int64_t total = 0;  // To all of them.
  int64_t each = 0;   // To each of them.

  bool operator==(const SendingLimits&) const = default;
};

// All is on the thread of the follower, callbacks included. They come later
// than the call that they belong to.
class DeliveryPort {
 public:
  // Each state that it comes to, that it waits for its turn, and each move.
  // After FAILED or CANCELLED nothing comes; after DELIVERED, only what takes
  // that back, or that it is not given any more.
  using OnProgress = std::function<void(const DeliveryProgress&)>;
  // How recipients that are no nodes are served: what has changed, mere counts
  // once in 10 s at most.
  using OnServing = std::function<void(const v1::Serving&)>;

  virtual ~DeliveryPort() = default;

  // Of what an earlier run of the process has left: what is not among `ids` is
  // cancelled, and what has come of it is removed. Once, before the others.
  virtual void KeepOnly(const std::set<DeliveryId>& ids) = 0;

  // Receives the content from the first of `nodes`, and from the others while
  // that does not answer. What is there already, of an earlier call or run of
  // the process, is gone on with. `was_delivered`: the node has had all of it
  // under its name; if nothing is known of that any more, it is received in
  // that one's place. Only then may there be no nodes: what is missing waits
  // for Reparent().
  virtual void Receive(const DeliveryId& id, const v1::DistributionSpec& spec,
                       std::vector<SendingNode> nodes, bool was_delivered,
                       OnProgress progress) = 0;
  // Receives the content from an upload to this node: it is WAITING until that
  // begins, and it is the source of the others. `was_begun`: an earlier run of
  // the process had something of the upload: unless that run has left the
  // whole, it has FAILED. A port that takes no uploads has nothing to do.
  virtual void ReceiveUpload(const DeliveryId& /*id*/,
                             const v1::DistributionSpec& /*spec*/,
                             bool /*was_begun*/, OnProgress /*progress*/) {}
  // Of one that is being received from nodes: from these from now on, one at
  // least.
  virtual void Reparent(const DeliveryId& id,
                        std::vector<SendingNode> nodes) = 0;
  // Of one that was begun to be received: what was measured since it was taken
  // last. None: nothing.
  virtual std::optional<ReceivedRate> TakeRate(const DeliveryId& id) = 0;

  // Of one that was begun to be received. None: it is not known; a port that
  // has no bytes knows of none.
  virtual std::optional<ReceivedBytes> Received(
      const DeliveryId& /*id*/) const {
    return std::nullopt;
  }

  // Lets other nodes have a file of this one. DELIVERED: it was read to its
  // end, and is `content`.
  virtual void Offer(const DeliveryId& id, const v1::FileSource& file,
                     OnProgress progress) = 0;

  // Of one that is received or offered: it is sent to others no faster than
  // that from now on. A port that sends nothing has nothing to do.
  virtual void Limit(const DeliveryId& /*id*/,
                     const SendingLimits& /*limits*/) {}

  // Of what an earlier run of the process has left: recipients that are no
  // nodes are served of these alone. Once, before Serve(). A port that sends
  // nothing has nothing to do here, nor in the next three.
  virtual void KeepServed(const std::set<DeliveryId>& /*ids*/) {}
  // How many nodes are registered. The more they are, the less often does each
  // tell the counts of whom it serves.
  virtual void SetNodeCount(size_t /*nodes*/) {}
  // Serves the content to recipients that are no nodes, as the spec's `serve`
  // says: what the node receives, or has received, as soon as there is
  // something of it; or, if the node is the source, its file, which has to be
  // `source` then, what others receive. Null: it is not the source. What an
  // earlier run of the process has begun is gone on with.
  virtual void Serve(const DeliveryId& /*id*/,
                     const v1::DistributionSpec& /*spec*/,
                     const v1::Content* /*source*/, OnServing /*serving*/) {}
  // No longer: those that have not all of it are reset. Nothing of it is called
  // after that.
  virtual void EndServing(const DeliveryId& /*id*/) {}

  // Receives it no longer, and removes what has come of it, unless it has all
  // of it; gives it to nobody any more. Nothing of it is called after that.
  virtual void Release(const DeliveryId& id) = 0;
  // The same, also of what an earlier run of the process has left. `kept` is
  // called with DELIVERED if it turns out that it has all of it, which it may
  // have come to since it was told last.
  virtual void Cancel(const DeliveryId& id, OnProgress kept) = 0;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_FOLLOWER_DELIVERY_PORT_H_
