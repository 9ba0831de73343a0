// Where content has zeros that can be holes.
#include "client/tcptool/zero_units.h"

#include <gtest/gtest.h>

#include <vector>

namespace tcptool::client {
namespace {

constexpr size_t kUnit = 4;

// A digit for each byte.
std::vector<std::byte> Bytes(std::string_view digits) {
  std::vector<std::byte> bytes;
  for (const char digit : digits) bytes.push_back(std::byte(digit - '0'));
  return bytes;
}

TEST(ZeroUnitsTest, ZeroPrefixIsOfWholeUnits) {
  EXPECT_EQ(ZeroPrefix(Bytes(""), kUnit), 0u);
  EXPECT_EQ(ZeroPrefix(Bytes("000"), kUnit), 0u);
  EXPECT_EQ(ZeroPrefix(Bytes("0000"), kUnit), 4u);
  EXPECT_EQ(ZeroPrefix(Bytes("0000000"), kUnit), 4u);
  EXPECT_EQ(ZeroPrefix(Bytes("00000000"
                             "0001"
                             "0000"),
                       kUnit),
            8u);
  EXPECT_EQ(ZeroPrefix(Bytes("1000"
                             "0000"),
                       kUnit),
            0u);
  EXPECT_EQ(ZeroPrefix(Bytes("0100"), kUnit), 0u);
}

TEST(ZeroUnitsTest, DataPrefixEndsBeforeAWholeUnitOfZeros) {
  EXPECT_EQ(DataPrefix(Bytes(""), kUnit), 0u);
  EXPECT_EQ(DataPrefix(Bytes("0000"), kUnit), 0u);
  EXPECT_EQ(DataPrefix(Bytes("1000"
                             "0000"),
                       kUnit),
            4u);
  EXPECT_EQ(DataPrefix(Bytes("0001"
                             "1000"
                             "00001"),
                       kUnit),
            8u);
  EXPECT_EQ(DataPrefix(Bytes("1111"
                             "000"),
                       kUnit),
            7u);
}

}  // namespace
}  // namespace tcptool::client
