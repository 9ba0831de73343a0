#include "server/rpc/call_room.h"

namespace tcptool::server {

void CallRoom::Enter(Call* call, size_t share) {
  Leave(call);
  by_call_[call] = shares_.insert(shares_.end(), {call, share});
  taken_ += share;
}

void CallRoom::Leave(Call* call) {
  const auto found = by_call_.find(call);
  if (found == by_call_.end()) return;
  taken_ -= found->second->size;
  shares_.erase(found->second);
  by_call_.erase(found);
}

Call* CallRoom::TurnOut() {
  if (taken_ <= size_ || shares_.size() <= 1) return nullptr;
  Call* const oldest = shares_.front().call;
  Leave(oldest);
  return oldest;
}

}  // namespace tcptool::server
