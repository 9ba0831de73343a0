// The range map is believed as far as it was written whole, and no further.
#include "dataplane/receiving/range_map.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::dataplane {
namespace {

std::vector<Digest> Digests(int first, int count) {
  std::vector<Digest> digests;
  for (int i = first; i < first + count; ++i) {
    const std::string text = std::to_string(i);
    digests.push_back(Sha256::Of(std::as_bytes(std::span(text))));
  }
  return digests;
}

// The file of a map with two records, of 3 blocks and of 2.
std::vector<std::byte> TwoRecords(size_t* end_of_first) {
  RangeMap map;
  std::vector<std::byte> file = RangeMap::Header();
  for (const auto& record : {map.Add(Digests(0, 3)), map.Add(Digests(3, 2))}) {
    if (file.size() == RangeMap::Header().size()) {
      *end_of_first = file.size() + record.size();
    }
    file.insert(file.end(), record.begin(), record.end());
  }
  EXPECT_EQ(map.size(), file.size());
  return file;
}

TEST(RangeMapTest, HasWhatWasAdded) {
  size_t end_of_first = 0;
  const auto file = TwoRecords(&end_of_first);
  const RangeMap map = RangeMap::Parse(file);
  EXPECT_EQ(map.blocks(), Digests(0, 5));
  EXPECT_EQ(map.size(), file.size());
}

TEST(RangeMapTest, GoesOnWhereItEnded) {
  size_t end_of_first = 0;
  auto file = TwoRecords(&end_of_first);
  const auto record = RangeMap::Parse(file).Add(Digests(5, 1));
  file.insert(file.end(), record.begin(), record.end());
  EXPECT_EQ(RangeMap::Parse(file).blocks(), Digests(0, 6));
}

TEST(RangeMapTest, TornRecordIsIgnored) {
  size_t end_of_first = 0;
  const auto file = TwoRecords(&end_of_first);
  for (size_t size = 0; size < file.size(); ++size) {
    const RangeMap map = RangeMap::Parse(std::span(file).first(size));
    EXPECT_EQ(map.blocks(), Digests(0, size < end_of_first ? 0 : 3)) << size;
    EXPECT_LE(map.size(), std::max(size, RangeMap::Header().size()));
  }
}

TEST(RangeMapTest, NothingFromADamagedRecordOnIsBelieved) {
  size_t end_of_first = 0;
  auto file = TwoRecords(&end_of_first);
  for (size_t at = 0; at < file.size(); ++at) {
    file[at] ^= std::byte{0x40};
    EXPECT_EQ(RangeMap::Parse(file).blocks(),
              Digests(0, at < end_of_first ? 0 : 3))
        << at;
    file[at] ^= std::byte{0x40};
  }
}

TEST(RangeMapTest, RecordOfAnotherPlaceIsNotBelieved) {
  RangeMap other;
  other.Add(Digests(9, 1));
  std::vector<std::byte> file = RangeMap::Header();
  const auto record = other.Add(Digests(0, 1));
  file.insert(file.end(), record.begin(), record.end());
  EXPECT_TRUE(RangeMap::Parse(file).blocks().empty());
}

}  // namespace
}  // namespace tcptool::dataplane
