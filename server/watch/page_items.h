// What goes onto a page of a listing.
#ifndef TCPTOOL_SERVER_WATCH_PAGE_ITEMS_H_
#define TCPTOOL_SERVER_WATCH_PAGE_ITEMS_H_

#include <cstddef>
#include <utility>

namespace tcptool::server {

// Specs may be large: a page ends at this size, as gRPC clients accept messages
// of 4 MiB.
inline constexpr size_t kMaxPageBytes = size_t{3} << 20;

// A call looks at so many objects at most, whether its filter selects them or
// not; the next page goes on from there.
inline constexpr int kMaxLooks = 10'000;

// Adds `item` to a page, a Page or a NamePage, unless that is full.
template <typename PageKind, typename Items, typename Item>
bool AddToPage(const PageKind& page, Item item, size_t& bytes, Items& items) {
  bytes += item.ByteSizeLong();
  if (items.size() == page.size || (!items.empty() && bytes > kMaxPageBytes)) {
    return false;
  }
  *items.Add() = std::move(item);
  return true;
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_PAGE_ITEMS_H_
