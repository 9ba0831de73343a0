#include "server/rpc/vouched_peers.h"

#include <sys/random.h>

#include <array>
#include <utility>

#include "absl/strings/escaping.h"

namespace tcptool::server {
namespace {

constexpr size_t kRandomBytes = 16;

}  // namespace

VouchedPeers::Voucher::~Voucher() {
  if (const auto peers = peers_.lock()) peers->Take(name_);
}

VouchedPeers::Voucher VouchedPeers::Vouch(Peer peer) {
  std::array<char, kRandomBytes> random{};
  std::string name;
  // Without a name nobody is vouched for, and the call is a stranger's.
  if (getrandom(random.data(), random.size(), 0) == kRandomBytes) {
    name = absl::BytesToHexString({random.data(), random.size()});
    absl::MutexLock lock(&mutex_);
    peers_[name] = std::make_shared<const Peer>(std::move(peer));
  }
  return {weak_from_this(), std::move(name)};
}

std::shared_ptr<const Peer> VouchedPeers::Take(absl::string_view name) {
  absl::MutexLock lock(&mutex_);
  const auto found = peers_.find(name);
  if (found == peers_.end()) return nullptr;
  std::shared_ptr<const Peer> peer = std::move(found->second);
  peers_.erase(found);
  return peer;
}

}  // namespace tcptool::server
