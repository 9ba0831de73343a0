#include "server/sessions/retention.h"

namespace tcptool::server {

void Retention::Add(const std::string& name, Clock::time_point end,
                    absl::Duration kept) {
  const Times times = {
      .end = end,
      .expiry = dataplane::Later(end, absl::ToChronoNanoseconds(kept))};
  finished_[name] = times;
  by_end_.emplace(times.end, name);
  by_expiry_.emplace(times.expiry, name);
}

bool Retention::Remove(const std::string& name) {
  const auto found = finished_.find(name);
  if (found == finished_.end()) return false;
  by_end_.erase({found->second.end, name});
  by_expiry_.erase({found->second.expiry, name});
  finished_.erase(found);
  return true;
}

std::optional<std::string> Retention::Expired(Clock::time_point now) const {
  if (by_expiry_.empty() || by_expiry_.begin()->first > now) {
    return std::nullopt;
  }
  return by_expiry_.begin()->second;
}

std::optional<std::string> Retention::Oldest() const {
  if (by_end_.empty()) return std::nullopt;
  return by_end_.begin()->second;
}

}  // namespace tcptool::server
