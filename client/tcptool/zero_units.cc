#include "client/tcptool/zero_units.h"

#include <cstring>

namespace tcptool::client {
namespace {

// The first byte is zero, and each is equal to the one before it.
bool IsZero(const std::byte* data, size_t size) {
  return data[0] == std::byte{0} && std::memcmp(data, data + 1, size - 1) == 0;
}

bool BeginsWithZeroUnit(std::span<const std::byte> data, size_t unit) {
  return data.size() >= unit && IsZero(data.data(), unit);
}

}  // namespace

size_t ZeroPrefix(std::span<const std::byte> data, size_t unit) {
  size_t size = 0;
  while (BeginsWithZeroUnit(data.subspan(size), unit)) size += unit;
  return size;
}

size_t DataPrefix(std::span<const std::byte> data, size_t unit) {
  for (size_t size = 0; size < data.size(); size += unit) {
    if (BeginsWithZeroUnit(data.subspan(size), unit)) return size;
  }
  return data.size();
}

}  // namespace tcptool::client
