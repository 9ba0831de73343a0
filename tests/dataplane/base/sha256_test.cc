// The SHA-256 of content that comes in pieces.
#include "dataplane/base/sha256.h"

#include <gtest/gtest.h>

#include <span>
#include <string_view>

namespace tcptool::dataplane {
namespace {

// FIPS 180-2, appendix B, and RFC 6234.
constexpr std::string_view kOfAbc =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr std::string_view kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

TEST(Sha256Test, OfWhatThePiecesAreTogether) {
  Sha256 whole;
  whole.Update(Bytes("abc"));
  EXPECT_EQ(whole.Finish(), kOfAbc);
  Sha256 pieces;
  for (const char* piece : {"a", "", "bc"}) pieces.Update(Bytes(piece));
  EXPECT_EQ(pieces.Finish(), kOfAbc);
}

TEST(Sha256Test, OfNothing) { EXPECT_EQ(Sha256().Finish(), kOfNothing); }

TEST(ContentDigestTest, IsNotComputedUnlessItIsAskedFor) {
  ContentDigest digest;
  digest.Update(Bytes("abc"));
  digest.Finish();
  EXPECT_FALSE(digest.enabled());
  EXPECT_EQ(digest.hex(), "");
}

TEST(ContentDigestTest, IsThereOnceAllContentIs) {
  ContentDigest digest;
  digest.Enable();
  digest.Update(Bytes("ab"));
  digest.Update(Bytes("c"));
  EXPECT_EQ(digest.hex(), "");
  digest.Finish();
  EXPECT_EQ(digest.hex(), kOfAbc);
}

}  // namespace
}  // namespace tcptool::dataplane
