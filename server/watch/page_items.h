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

// Fills a page, a Page or a NamePage. `Items`: the response's field.
template <typename PageKind, typename Items>
class PageItems {
 public:
  // Both outlive it.
  PageItems(const PageKind& page, Items& items) : page_(page), items_(items) {}

  // False: the page is full, and the next one begins with `item`.
  template <typename Item>
  bool Add(Item item) {
    bytes_ += item.ByteSizeLong();
    if (items_.size() == page_.size ||
        (!items_.empty() && bytes_ > kMaxPageBytes)) {
      return false;
    }
    *items_.Add() = std::move(item);
    return true;
  }

  // Looks at an object, and adds what `make` returns if the filter selects it.
  // False: the next page begins with this object.
  template <typename Make>
  bool Look(bool is_selected, Make make) {
    return looks_++ < kMaxLooks && (!is_selected || Add(make()));
  }

 private:
  const PageKind& page_;
  Items& items_;
  size_t bytes_ = 0;
  int looks_ = 0;  // At how many objects.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_PAGE_ITEMS_H_
