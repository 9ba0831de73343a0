// A reader that comes while a block leaves the memory finds all that was
// published of it.
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "dataplane/lanes/lane.h"
#include "dataplane/receiving/spool.h"
#include "tests/dataplane/content/feed_reader.h"
#include "tests/dataplane/receiving/disk_writers.h"

namespace tcptool::dataplane {
namespace {

using Level = Spool::Level;

class SpoolBlockTest : public DiskWriterTest {
 protected:
  // Disks' threads are joined before the lane goes.
  ~SpoolBlockTest() override { disk_.Join(); }

  void Attach(const DiskWriter::Options& options) {
    Make(options);
    spool_->Attach(writer_);
  }

  Lane lane_{SocketApi::Real(), disk_};
  const std::shared_ptr<Spool> spool_ = std::make_shared<Spool>(lane_);
  const std::string content_ = Content(2 * kManifestBlock);
};

// The receiver's lane gives a block to the disk's threads, and then publishes
// its end, before which they may be done.
TEST_F(SpoolBlockTest, BlockThatIsWrittenBeforeItsEndIsPublishedIsRead) {
  Attach({});
  ASSERT_TRUE(Give(0, BlockOf(content_, 0)));
  ASSERT_TRUE(WaitUntilIdle());
  spool_->Publish(100, 100);
  FeedReader reader(spool_->OpenSource(Level::kVerified));
  EXPECT_EQ(reader.Read(100), content_.substr(0, 100));
  EXPECT_TRUE(writer_->state().error.ok()) << writer_->state().error;
}

// So has one whose digest is wrong, until the reception's lane hears of that.
TEST_F(SpoolBlockTest, BlockThatIsGivenUpIsReadUntilThatIsKnown) {
  Attach({.expects_digests = true});
  ASSERT_TRUE(writer_->Expect(0, DigestsOf("another content")).ok());
  ASSERT_TRUE(Give(0, BlockOf(content_, 0)));
  ASSERT_TRUE(WaitFor([](const DiskWriter::State& state) {
    return state.idle && state.bad_block.has_value();
  }));
  ASSERT_TRUE(Give(1, BlockOf(content_, 1)));
  spool_->Publish(content_.size(), 0);
  FeedReader reader(spool_->OpenSource(Level::kReceived));
  EXPECT_TRUE(reader.Read(content_.size()) == content_);
}

}  // namespace
}  // namespace tcptool::dataplane
