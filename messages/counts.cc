#include "messages/counts.h"

namespace tcptool {

int64_t Takers(const v1::RecipientCounts& counts) {
  return int64_t{counts.expected()} + counts.ready() + counts.transferring() +
         counts.confirming() + counts.delivered() + counts.dropped() +
         counts.failed();
}

}  // namespace tcptool
