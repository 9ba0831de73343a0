#include "server/fleet/service/progress_lookup.h"

namespace tcptool::fleet {
namespace {

constexpr std::chrono::seconds kUseFor(1);
constexpr std::chrono::seconds kPauseAfterNone(5);

}  // namespace

void ProgressLookup::Get(const std::string& address,
                         const std::string& distribution, int64_t revision,
                         Done done) {
  const Time now = clock_();
  const Key key(distribution, revision);
  std::erase_if(answers_, [&](const auto& one) {
    return one.first != key && !one.second.is_asking && now >= one.second.next;
  });
  Answer& answer = answers_[key];
  if (!answer.is_asking && answer.known != nullptr &&
      answer.address == address && now < answer.next) {
    const auto known = answer.known;
    return done(*known);
  }
  answer.waiting.push_back(std::move(done));
  if (std::exchange(answer.is_asking, true)) return;
  answer.address = address;
  ask_(address, distribution, revision,
       [this, key, alive = std::weak_ptr(alive_)](const Told& told) {
         if (!alive.expired()) Take(key, told);
       });
}

void ProgressLookup::Take(const Key& key, const Told& told) {
  Answer& answer = answers_[key];
  answer.is_asking = false;
  answer.next = clock_() + (told ? kUseFor : kPauseAfterNone);
  answer.known = std::make_shared<const ProgressByNode>(
      told ? ByNode(*told, now_()) : ProgressByNode());
  // They may ask again, or have this destroyed.
  const auto known = answer.known;
  const auto waiting = std::exchange(answer.waiting, {});
  for (const Done& done : waiting) done(*known);
}

}  // namespace tcptool::fleet
