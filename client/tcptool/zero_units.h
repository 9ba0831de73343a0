// Finds zeros in content, for holes in files.
#ifndef TCPTOOL_CLIENT_TCPTOOL_ZERO_UNITS_H_
#define TCPTOOL_CLIENT_TCPTOOL_ZERO_UNITS_H_

#include <cstddef>
#include <span>

namespace tcptool::client {

// Content in units of `unit` bytes, of which the last may be shorter.

// The size of the units at the front that are whole and zero throughout.
size_t ZeroPrefix(std::span<const std::byte> data, size_t unit);

// The size of what lies before the first whole unit of zeros.
size_t DataPrefix(std::span<const std::byte> data, size_t unit);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_ZERO_UNITS_H_
