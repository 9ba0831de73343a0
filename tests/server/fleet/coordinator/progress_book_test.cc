#include "server/fleet/coordinator/progress_book.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/coordinator/test_fleet.h"

namespace tcptool::fleet {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Of a distribution "d" from "source" to "n1" and so on, on a clock of the
// test's own.
class ProgressBookTest : public ::testing::Test {
 protected:
  ProgressBookTest() {
    fleet_.AddNode("source");
    fleet_.AddNodes(3);
    Distribute("d");
  }

  void Distribute(const std::string& name) {
    fleet_.AddDistribution(name);
    fleet_.Coordinate();
  }
  int64_t Revision(const std::string& distribution = "d") {
    return fleet_.State()
        .distributions()
        .at(distribution)
        .spec->create_revision;
  }
  void Tell(const std::string& node, int64_t bytes,
            const std::string& distribution = "d") {
    book_.Tell(fleet_.State(),
               {.distribution = distribution,
                .revision = Revision(distribution),
                .node = node,
                .bytes_received = bytes,
                .bytes_per_second = 7},
               now_);
  }
  std::vector<NodeProgress> Of(const std::string& distribution = "d") {
    return book_.Of(fleet_.State(), distribution, Revision(distribution), now_);
  }

  TestFleet fleet_;
  ProgressBook book_{3};
  ProgressBook::Time now_;
};

TEST_F(ProgressBookTest, HasTheNewestOfEachNode) {
  Tell("n1", 10);
  Tell("n2", 20);
  now_ += milliseconds(1500);
  Tell("n1", 30);
  const auto all = Of();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].node, "n1");
  EXPECT_EQ(all[0].bytes_received, 30);
  EXPECT_EQ(all[0].bytes_per_second, 7);
  EXPECT_EQ(all[0].age, milliseconds(0));
  EXPECT_EQ(all[1].node, "n2");
  EXPECT_EQ(all[1].bytes_received, 20);
  EXPECT_EQ(all[1].age, milliseconds(1500));
}

TEST_F(ProgressBookTest, IgnoresWhatHasNoPlaceInAPlan) {
  book_.Tell(fleet_.State(), {.distribution = "none", .node = "n1"}, now_);
  Tell("source", 1);
  Tell("stranger", 1);
  EXPECT_THAT(Of(), IsEmpty());
}

TEST_F(ProgressBookTest, TellsTwoOfOneNameApart) {
  Tell("n1", 10);
  const int64_t before = Revision();
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  Distribute("d");
  ASSERT_NE(Revision(), before);
  EXPECT_THAT(Of(), IsEmpty());
  book_.Tell(fleet_.State(),
             {.distribution = "d", .revision = before, .node = "n2"}, now_);
  EXPECT_THAT(Of(), IsEmpty()) << "What comes late is of the other one.";
  Tell("n1", 20);
  EXPECT_THAT(Of(), SizeIs(1));
}

TEST_F(ProgressBookTest, ForgetsOneThatIsOver) {
  Tell("n1", 10);
  for (const char* const node : {"n1", "n2", "n3"}) {
    fleet_.PutDelivery("d", node, v1::DELIVERY_STATE_FAILED);
  }
  fleet_.Coordinate();
  EXPECT_THAT(Of(), IsEmpty());
}

TEST_F(ProgressBookTest, ForgetsANodeThatIsGoneOrSilent) {
  Tell("n1", 10);
  Tell("n2", 20);
  Tell("n3", 20);
  fleet_.KillNode("n2");
  now_ += seconds(6);
  Tell("n3", 30);
  EXPECT_THAT(Of(), SizeIs(2));
  now_ += minutes(2);
  ASSERT_THAT(Of(), SizeIs(1));
  EXPECT_EQ(Of()[0].node, "n3");
}

TEST_F(ProgressBookTest, HasABoundOverAllDistributions) {
  Distribute("e");
  for (const char* const node : {"n1", "n2", "n3"}) Tell(node, 10);
  Tell("n1", 10, "e");
  EXPECT_THAT(Of("e"), IsEmpty());
  Tell("n1", 11);
  EXPECT_EQ(Of()[0].bytes_received, 11) << "What it has is kept up to date.";
  // When one is over, there is room.
  fleet_.etcd().Delete(fleet_.keys().Spec("d"));
  now_ += seconds(6);
  Tell("n1", 10, "e");
  EXPECT_THAT(Of("e"), SizeIs(1));
}

}  // namespace
}  // namespace tcptool::fleet
