// Contents that have to have a certain SHA-256, or length: nobody gets the
// whole of another one.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "dataplane/base/sha256.h"
#include "dataplane/content/file_source.h"
#include "dataplane/content/open_content.h"
#include "dataplane/content/stream_source.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

// More than one block, and no multiple of one.
constexpr size_t kLarge = 5'000'001;

Digest DigestOf(const std::string& content) {
  return Sha256::Of(std::as_bytes(std::span(content)));
}

SessionOptions Computing() {
  SessionOptions options;
  options.compute_sha256 = true;
  return options;
}

std::shared_ptr<FileSource> FileOf(const std::string& content) {
  return *FileSource::Create(
      RandomAccessFile::FromDescriptor(DiskFile(content).release()), 0,
      std::nullopt);
}

TEST(ExpectedDigestTest, RightFileIsSent) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, kLarge}) {
    const std::string content = Content(size);
    const auto source = FileOf(content);
    source->digest().Expect(DigestOf(content));
    OneSession one(source, Computing());
    ReadingPeer peer(one.port(), 1);
    EXPECT_TRUE(peer.Join().data == content) << size;
    EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
    EXPECT_EQ(one.recorder->session().content_sha256, ToHex(DigestOf(content)));
  }
}

TEST(ExpectedDigestTest, WholeOfAWrongFileReachesNobody) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{1} << 20, kLarge}) {
    const std::string content = Content(size);
    const auto source = FileOf(content);
    source->digest().Expect(DigestOf(content + "x"));
    OneSession one(source, Computing());
    Peer peer(one.port());
    peer.Say(1);
    const auto got = peer.Read();
    EXPECT_EQ(got.error, ECONNRESET) << size;
    EXPECT_LE(got.data.size(), size == 0 ? 0 : size - 1);
    EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
    EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kSourceFailed);
    const std::string error = one.recorder->session().error;
    EXPECT_NE(error.find(ToHex(DigestOf(content))), std::string::npos) << error;
  }
}

TEST(ExpectedDigestTest, ImmediateSessionOfAWrongFileFailsWithoutRecipients) {
  const auto source = FileOf(Content(kLarge));
  source->digest().Expect(DigestOf("something else"));
  SessionOptions options = Computing();
  options.start.immediate = true;
  OneSession one(source, options);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
}

// Hands a stream all of `content`, in one block, and ends it.
void Produce(StreamSource& source, const std::string& content) {
  if (!content.empty()) {
    const auto kept = std::make_shared<const std::string>(content);
    source.Append({.owner = kept, .data = std::as_bytes(std::span(*kept))});
  }
  source.End();
}

TEST(ExpectedDigestTest, StreamEndsInOrderOnlyIfItIsRight) {
  const std::string content = Content(100'000);
  for (const bool is_right : {true, false}) {
    const auto source = std::make_shared<StreamSource>();
    source->digest().Expect(DigestOf(is_right ? content : content + "x"));
    OneSession one(source, Computing());
    Peer peer(one.port());
    peer.Say(1);
    Produce(*source, content);
    EXPECT_EQ(source->error().ok(), is_right);
    if (is_right) {
      EXPECT_TRUE(peer.ReadAndClose().data == content);
    } else {
      EXPECT_EQ(peer.Read().error, ECONNRESET);
    }
    EXPECT_EQ(one.recorder->WaitForEnd(),
              is_right ? SessionState::kSucceeded : SessionState::kFailed);
  }
}

TEST(ExpectedDigestTest, FileWithoutASizeEndsInOrderOnlyIfItIsRight) {
  constexpr char kName[] = "/proc/version";
  std::ifstream file(kName);
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  ASSERT_NE(content, "");
  for (const bool is_right : {true, false}) {
    const auto source =
        *OpenContent(RandomAccessFile::FromDescriptor(open(kName, O_RDONLY)), 0,
                     std::nullopt);
    source->digest().Expect(DigestOf(is_right ? content : content + "x"));
    OneSession one(source, Computing());
    Peer peer(one.port());
    peer.Say(1);
    if (is_right) {
      EXPECT_EQ(peer.ReadAndClose().data, content);
    } else {
      EXPECT_EQ(peer.Read().error, ECONNRESET);
    }
    EXPECT_EQ(one.recorder->WaitForEnd(),
              is_right ? SessionState::kSucceeded : SessionState::kFailed);
    EXPECT_EQ(one.recorder->session().content_sha256, ToHex(DigestOf(content)));
  }
}

TEST(ExpectedDigestTest, StreamOfAnotherLengthHasFailed) {
  for (const uint64_t expected : {uint64_t{2}, uint64_t{3}, uint64_t{4}}) {
    StreamSource source;
    source.ExpectLength(expected);
    EXPECT_EQ(source.length(), expected);
    Produce(source, "abc");
    EXPECT_EQ(source.error().ok(), expected == 3) << source.error();
    EXPECT_EQ(source.length(), expected);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
