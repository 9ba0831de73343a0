#include "server/rpc/call_room.h"

#include <gtest/gtest.h>

#include <array>

namespace tcptool::server {
namespace {

class CallRoomTest : public testing::Test {
 protected:
  // The calls are only names to a room.
  Call* call(int i) { return reinterpret_cast<Call*>(&names_.at(i)); }

  CallRoom room{10};

 private:
  std::array<char, 4> names_;
};

TEST_F(CallRoomTest, TurnsOutWhoeverCameFirst) {
  room.Enter(call(0), 4);
  room.Enter(call(1), 6);
  EXPECT_EQ(room.TurnOut(), nullptr);
  room.Enter(call(2), 1);
  EXPECT_EQ(room.TurnOut(), call(0));
  EXPECT_EQ(room.TurnOut(), nullptr);
  // As many as it takes.
  room.Enter(call(3), 10);
  EXPECT_EQ(room.TurnOut(), call(1));
  EXPECT_EQ(room.TurnOut(), call(2));
  EXPECT_EQ(room.TurnOut(), nullptr);
}

TEST_F(CallRoomTest, HasRoomAgainForWhatHasLeft) {
  room.Enter(call(0), 10);
  room.Leave(call(0));
  room.Leave(call(0));
  room.Enter(call(1), 10);
  EXPECT_EQ(room.TurnOut(), nullptr);
}

TEST_F(CallRoomTest, GivesACallOneShare) {
  room.Enter(call(0), 6);
  room.Enter(call(1), 3);
  // It is the last again.
  room.Enter(call(0), 7);
  EXPECT_EQ(room.TurnOut(), nullptr);
  room.Enter(call(2), 1);
  EXPECT_EQ(room.TurnOut(), call(1));
}

TEST_F(CallRoomTest, LeavesTheLastOneItsShare) {
  room.Enter(call(0), 11);
  EXPECT_EQ(room.TurnOut(), nullptr);
  room.Enter(call(1), 12);
  EXPECT_EQ(room.TurnOut(), call(0));
  EXPECT_EQ(room.TurnOut(), nullptr);
}

}  // namespace
}  // namespace tcptool::server
