// The manifest of what a source has becomes known block by block.
#include "dataplane/receiving/source_manifest.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/time/clock.h"
#include "dataplane/content/stream_source.h"
#include "tests/dataplane/receiving/receptions.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

class SourceManifestTest : public testing::Test {
 protected:
  // Whether this holds in time.
  static bool WaitFor(const std::function<bool()>& holds) {
    const absl::Time end = absl::Now() + kDeadline;
    while (!holds()) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  DiskThreads disk_;
};

TEST_F(SourceManifestTest, IsThatOfTheContent) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{kManifestBlock},
                            size_t{3 * kManifestBlock + 17}}) {
    const std::string content = Content(size);
    const auto manifest = SourceManifest::Start(disk_, FileOf(content));
    ASSERT_TRUE(WaitFor([&] { return manifest->end().has_value(); }));
    const Manifest expected = ManifestOf(content);
    EXPECT_EQ(manifest->end(),
              (ContentEnd{.length = size, .root = Root(expected)}));
    EXPECT_EQ(manifest->Digests(0, 100), expected.blocks);
    EXPECT_EQ(manifest->Digests(1, 1), DigestsFrom(expected.blocks, 1, 1));
    EXPECT_TRUE(manifest->error().ok());
  }
}

TEST_F(SourceManifestTest, FileThatChangesHasNone) {
  const std::string content = Content(2 * kManifestBlock);
  const UniqueFd file = MemoryFile(content);
  const std::shared_ptr<Source> source = *FileSource::Create(
      RandomAccessFile::FromDescriptor(dup(file.get())), 0, std::nullopt);
  ASSERT_EQ(ftruncate(file.get(), kManifestBlock), 0);
  const auto manifest = SourceManifest::Start(disk_, source);
  ASSERT_TRUE(WaitFor([&] { return !manifest->error().ok(); }));
  EXPECT_TRUE(absl::IsDataLoss(manifest->error())) << manifest->error();
  EXPECT_EQ(manifest->end(), std::nullopt);
}

TEST_F(SourceManifestTest, StreamHasNone) {
  const auto manifest =
      SourceManifest::Start(disk_, std::make_shared<StreamSource>());
  ASSERT_TRUE(WaitFor([&] { return !manifest->error().ok(); }));
  EXPECT_TRUE(absl::IsUnimplemented(manifest->error()));
}

}  // namespace
}  // namespace tcptool::dataplane
