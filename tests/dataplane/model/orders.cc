#include "tests/dataplane/model/orders.h"

#include <string_view>

namespace tcptool::dataplane {
namespace {

constexpr std::string_view kEvents = "bBFUMrsCRKX";
constexpr std::string_view kEnds = "RKX";

bool Has(const std::string& order, char event) {
  return order.find(event) != std::string::npos;
}

// Whether the newest of the events that begin and stop reading is `event`.
bool LastOfReading(const std::string& order, char event) {
  const size_t last = order.find_last_of("rs");
  return last != std::string::npos && order[last] == event;
}

// Whether `event` makes a difference after `order`, which has no end yet.
bool Matters(const std::string& order, char event) {
  switch (event) {
    case kByte:
      // What follows the first byte is input like any other, of which
      // kStartByte is one.
      return !Has(order, kByte) && !Has(order, kStartByte) &&
             !Has(order, kMuch) && !Has(order, kFin);
    case kStartByte:
    case kUrgent:
    case kFin:
      return !Has(order, kFin);
    case kMuch:
      return !Has(order, kFin) && !Has(order, kMuch);
    case kRead:
      return !LastOfReading(order, kRead);
    case kStopReading:
      return LastOfReading(order, kRead);
    default:
      return true;
  }
}

}  // namespace

std::vector<std::string> AllOrders(size_t length) {
  std::vector<std::string> orders = {""};
  for (size_t i = 0; i < orders.size(); ++i) {
    const std::string order = orders[i];
    if (order.size() == length) continue;
    if (!order.empty() && kEnds.find(order.back()) != std::string_view::npos) {
      continue;
    }
    for (const char event : kEvents) {
      if (Matters(order, event)) orders.push_back(order + event);
    }
  }
  return orders;
}

}  // namespace tcptool::dataplane
