// The manifest's format is a contract between nodes of all versions: the
// expected values were computed by sha256sum(1) from the page that describes
// it (docs/wire-protocol.md).
#include "dataplane/receiving/manifest.h"

#include <gtest/gtest.h>

#include <string>

namespace tcptool::dataplane {
namespace {

Digest DigestOf(const std::string& content) {
  return Sha256::Of(std::as_bytes(std::span(content)));
}

TEST(ManifestTest, CountsAShorterLastBlock) {
  EXPECT_EQ(CountBlocks(0), 0u);
  EXPECT_EQ(CountBlocks(1), 1u);
  EXPECT_EQ(CountBlocks(kManifestBlock), 1u);
  EXPECT_EQ(CountBlocks(kManifestBlock + 1), 2u);
  EXPECT_EQ(CountBlocks(~uint64_t{0}), uint64_t{1} << 44);
}

TEST(ManifestTest, RootOfAnEmptyContent) {
  // printf 'tcptool manifest 1\n\0\0\0\0\0\0\0\0\0\0\20\0\0\0\0\0' | sha256sum
  EXPECT_EQ(ToHex(Root({})),
            "cac5bfdf6a3a2c5c626bbf14a5242a1d4ef81bb6a0bae4a8df711ab29755815b");
}

TEST(ManifestTest, RootOfTwoBlocks) {
  // (printf 'tcptool manifest 1\n\3\0\20\0\0\0\0\0\0\0\20\0\0\0\0\0'
  //  head -c 1048576 /dev/zero | openssl sha256 -binary
  //  printf abc | openssl sha256 -binary) | sha256sum
  EXPECT_EQ(ToHex(Root({.length = kManifestBlock + 3,
                        .blocks = {DigestOf(std::string(kManifestBlock, '\0')),
                                   DigestOf("abc")}})),
            "be636cc3ef5c9ec1aad1a55f34296f9853c25b20d41ad1aa0ec8b0a29bab5ebb");
}

TEST(ManifestTest, RootTellsLengthAndOrder) {
  const Digest a = DigestOf("a");
  const Digest b = DigestOf("b");
  const uint64_t length = 2 * kManifestBlock;
  const Digest root = Root({.length = length, .blocks = {a, b}});
  EXPECT_NE(root, Root({.length = length, .blocks = {b, a}}));
  EXPECT_NE(root, Root({.length = length - 1, .blocks = {a, b}}));
}

TEST(ManifestTest, NumbersAreLittleEndian) {
  const auto bytes = ToLittleEndian(0x0102030405060708);
  EXPECT_EQ(bytes.front(), std::byte{8});
  EXPECT_EQ(bytes.back(), std::byte{1});
  EXPECT_EQ(FromLittleEndian(bytes), 0x0102030405060708u);
}

}  // namespace
}  // namespace tcptool::dataplane
