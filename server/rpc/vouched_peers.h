// Who is behind the calls that this process makes for somebody else.
#ifndef TCPTOOL_SERVER_RPC_VOUCHED_PEERS_H_
#define TCPTOOL_SERVER_RPC_VOUCHED_PEERS_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "server/security/peer.h"

namespace tcptool::server {

// A call that another part of the process makes over an in-process channel has
// no connection of the caller's. That part vouches for the caller: it puts a
// name into the call's metadata that nobody can guess, and that counts once. So
// a client that sends such metadata itself is nobody else than it is. Any
// thread may call any method.
class VouchedPeers : public std::enable_shared_from_this<VouchedPeers> {
 public:
  // The key of the metadata.
  static constexpr char kKey[] = "tcptoold-vouched-peer";

  // Its name counts until this is gone, or Take() was called.
  class Voucher {
   public:
    Voucher(std::weak_ptr<VouchedPeers> peers, std::string name)
        : peers_(std::move(peers)), name_(std::move(name)) {}
    Voucher(Voucher&&) = default;
    Voucher& operator=(Voucher&&) = delete;
    ~Voucher();

    const std::string& name() const { return name_; }

   private:
    std::weak_ptr<VouchedPeers> peers_;
    const std::string name_;
  };

  Voucher Vouch(Peer peer);

  // Whom `name` stands for; null: nobody.
  std::shared_ptr<const Peer> Take(absl::string_view name);

 private:
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Peer>> peers_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_VOUCHED_PEERS_H_
