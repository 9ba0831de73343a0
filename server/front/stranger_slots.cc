#include "server/front/stranger_slots.h"

namespace tcptool::server {

bool StrangerSlots::Share::Take() {
  if (!set_aside_) {
    if (!std::exchange(waits_, true)) slots_.queue_.push_back(this);
    slots_.HandOut();
  }
  if (!std::exchange(set_aside_, false)) return false;
  ++taken_;
  return true;
}

void StrangerSlots::Share::Release() {
  --taken_;
  --slots_.taken_;
  slots_.HandOut();
}

void StrangerSlots::Share::ReleaseAll() {
  if (std::exchange(waits_, false)) std::erase(slots_.queue_, this);
  slots_.taken_ -= std::exchange(taken_, 0);
  if (std::exchange(set_aside_, false)) --slots_.taken_;
  slots_.HandOut();
}

void StrangerSlots::HandOut() {
  while (!queue_.empty() && IsOneFree()) {
    Share* const next = queue_.front();
    queue_.pop_front();
    ++taken_;
    next->waits_ = false;
    next->set_aside_ = true;
    next->on_slot_();
  }
}

}  // namespace tcptool::server
