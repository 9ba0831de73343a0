// What a link tells of the nodes that it receives from.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/peers/parent_link.h"

namespace tcptool::server {

void ParentLink::TellMove() {
  const size_t to = choice_.current();
  const bool is_first = !std::exchange(has_been_connected_, true);
  const bool leaves_for_fault = std::exchange(leaves_for_fault_, true);
  const size_t before = is_first ? 0 : choice_.sender();
  if (to == before) return;
  // Who receives from another than the preferred one has tried that first.
  const size_t from = to != 0 && !troubles_[0].ok() ? 0 : before;
  const std::string from_address = NameOf(plan_.nodes[from].target);
  const std::string to_address = NameOf(plan_.nodes[to].target);
  const std::string reason(troubles_[from].message());
  LogInfo("parent_left", {{"reception", plan_.reception},
                          {"from", from_address},
                          {"to", to_address},
                          {"offset", offset_},
                          {"reason", reason}});
  // One that has not begun may have others to receive first.
  const bool has_not_begun = HasNotBegun(plan_.nodes[from], troubles_[from]);
  moves_.Add(plan_.reception, {.from = from_address,
                               .to = to_address,
                               .reason = reason,
                               .is_fault = leaves_for_fault && !has_not_begun,
                               .offset = offset_,
                               .time = absl::Now()});
  // It was told: who is left later is left for another reason.
  if (has_not_begun) troubles_[from] = absl::OkStatus();
}

void ParentLink::Measure(const ParentChoice::Said& said, uint64_t allowed) {
  if (done_ != nullptr || choice_.current() != choice_.sender() ||
      !said.watermark) {
    return meter_.Stop();
  }
  const auto rate =
      meter_.Heard(*said.watermark, claims_->position(), Clock::now());
  if (!rate) return;
  moves_.AddRate(
      plan_.reception,
      {.parent = NameOf(parent().target), .rate = *rate, .allowed = allowed});
}

}  // namespace tcptool::server
