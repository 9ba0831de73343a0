// Access rules from anywhere: none crashes the parser, what it takes means what
// it says, and what it refuses it names. The seed is printed; TCPTOOL_SEED=N
// runs one again.
#include "dataplane/session/access_list.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tcptool::dataplane {
namespace {

constexpr int kRules = 200'000;

uint64_t Seed() {
  const char* given = std::getenv("TCPTOOL_SEED");
  return given != nullptr
             ? std::strtoull(given, nullptr, 10)
             : static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));
}

// Characters of rules, put together without sense, and now and then any byte.
std::string Nonsense(std::mt19937_64& random) {
  constexpr char kAlphabet[] = "0123456789abcdefABCDEF.:/%-+ ";
  std::string rule(random() % 48, '\0');
  for (char& c : rule) {
    c = random() % 40 == 0 ? static_cast<char>(random())
                           : kAlphabet[random() % (sizeof kAlphabet - 1)];
  }
  return rule;
}

TEST(AccessListFuzz, NonsenseIsRefusedByName) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "TCPTOOL_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < kRules; ++i) {
    const std::string rule = Nonsense(random);
    AccessList list;
    const absl::Status status = list.Add(rule);
    EXPECT_EQ(list.size(), status.ok() ? 1u : 0u);
    if (status.ok()) continue;
    EXPECT_TRUE(absl::IsInvalidArgument(status));
    EXPECT_NE(status.message().find(rule), absl::string_view::npos);
  }
}

TEST(AccessListFuzz, Ipv4RulesMeanWhatTheySay) {
  const uint64_t seed = Seed();
  SCOPED_TRACE(testing::Message() << "TCPTOOL_SEED=" << seed);
  std::mt19937_64 random(seed);
  for (int i = 0; i < kRules; ++i) {
    const auto network = static_cast<uint32_t>(random());
    const unsigned prefix = random() % 33;
    const uint32_t prefix_mask =
        prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix);
    const bool by_mask = random() % 2 == 0;
    const uint32_t mask =
        by_mask ? static_cast<uint32_t>(random()) : prefix_mask;
    const std::string rule =
        absl::StrCat(asio::ip::make_address_v4(network).to_string(), "/",
                     by_mask ? asio::ip::make_address_v4(mask).to_string()
                             : absl::StrCat(prefix));
    AccessList list;
    ASSERT_TRUE(list.Add(rule).ok()) << rule;
    // One that differs from the network in one bit, or in none.
    const unsigned bit = random() % 33;
    const uint32_t peer = bit == 32 ? network : network ^ (uint32_t{1} << bit);
    const bool allowed = (peer & mask) == (network & mask);
    const auto address = asio::ip::make_address_v4(peer);
    EXPECT_EQ(list.Allows(address), allowed) << rule << " " << address;
    EXPECT_EQ(
        list.Allows(asio::ip::make_address_v6(asio::ip::v4_mapped, address)),
        allowed);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
