#include "dataplane/tls/record_queue.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace tcptool::dataplane {
namespace {

// A kernel that takes `room` bytes in all.
class Kernel : public SocketApi {
 public:
  ssize_t Send(int /*socket*/, std::span<const std::byte> data) override {
    if (room == 0) return -EAGAIN;
    const size_t taken = std::min(room, data.size());
    room -= taken;
    got.append(reinterpret_cast<const char*>(data.data()), taken);
    return static_cast<ssize_t>(taken);
  }

  size_t room = 0;
  std::string got;
};

bool Append(RecordQueue& queue, const std::string& bytes) {
  return queue.Append(std::as_bytes(std::span(bytes)));
}

TEST(RecordQueueTest, KeepsWhatTheKernelDoesNotTake) {
  Kernel kernel;
  RecordQueue queue;
  EXPECT_EQ(queue.Flush(kernel, 0), 0);
  ASSERT_TRUE(Append(queue, "one"));
  ASSERT_TRUE(Append(queue, "two"));
  kernel.room = 4;
  EXPECT_EQ(queue.Flush(kernel, 0), -EAGAIN);
  EXPECT_EQ(queue.size(), 2u);
  ASSERT_TRUE(Append(queue, "three"));
  kernel.room = 100;
  EXPECT_EQ(queue.Flush(kernel, 0), 0);
  EXPECT_EQ(queue.size(), 0u);
  EXPECT_EQ(queue.sent(), 11u);
  EXPECT_EQ(kernel.got, "onetwothree");
}

TEST(RecordQueueTest, TakesNoMoreThanItsCapacity) {
  Kernel kernel;
  RecordQueue queue;
  ASSERT_TRUE(Append(queue, std::string(RecordQueue::kCapacity, 'a')));
  EXPECT_FALSE(Append(queue, "b"));
  kernel.room = RecordQueue::kCapacity;
  EXPECT_EQ(queue.Flush(kernel, 0), 0);
  EXPECT_TRUE(Append(queue, "b"));
}

TEST(RecordQueueTest, OneThatIsEmptyHasNoMemoryOfItsOwn) {
  Kernel kernel;
  kernel.room = 1'000;
  // Each has the block that the one before has given back.
  RecordQueue first;
  RecordQueue second;
  for (RecordQueue* const queue : {&first, &second, &first}) {
    ASSERT_TRUE(Append(*queue, "x"));
    ASSERT_EQ(queue->Flush(kernel, 0), 0);
  }
  EXPECT_EQ(kernel.got, "xxx");
}

}  // namespace
}  // namespace tcptool::dataplane
