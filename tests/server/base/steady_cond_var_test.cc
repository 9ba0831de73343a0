#include "server/base/steady_cond_var.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "absl/synchronization/mutex.h"

namespace tcptool::server {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::minutes;

struct State {
  absl::Mutex mutex;
  SteadyCondVar changed;
  bool done = false;
  bool waits = false;
};

TEST(SteadyCondVarTest, WaitsAsLongAsItIsTold) {
  State state;
  const auto began = Clock::now();
  absl::MutexLock lock(&state.mutex);
  EXPECT_FALSE(state.changed.WaitFor(&state.mutex, milliseconds(30),
                                     [&] { return state.done; }));
  EXPECT_GE(Clock::now() - began, milliseconds(30));
  state.mutex.AssertHeld();
}

TEST(SteadyCondVarTest, DoesNotWaitForWhatHolds) {
  State state;
  state.done = true;
  absl::MutexLock lock(&state.mutex);
  EXPECT_TRUE(state.changed.WaitFor(&state.mutex, minutes(10),
                                    [&] { return state.done; }));
}

// The mutex is free while one waits: the other thread could not go on else.
TEST(SteadyCondVarTest, EndsWhenItIsNotifiedOfWhatHolds) {
  State state;
  std::thread other([&state] {
    absl::MutexLock lock(&state.mutex);
    state.mutex.Await(absl::Condition(&state.waits));
    state.changed.NotifyAll();  // Of nothing: it goes on waiting.
    state.done = true;
    state.changed.NotifyAll();
  });
  {
    absl::MutexLock lock(&state.mutex);
    state.waits = true;
    EXPECT_TRUE(state.changed.WaitFor(&state.mutex, minutes(10),
                                      [&] { return state.done; }));
    state.mutex.AssertHeld();
  }
  other.join();
}

// The time-out is no time that the clock can show.
TEST(SteadyCondVarTest, WaitsWithoutEndForWhatWillHold) {
  State state;
  std::thread other([&state] {
    absl::MutexLock lock(&state.mutex);
    state.mutex.Await(absl::Condition(&state.waits));
    state.done = true;
    state.changed.NotifyAll();
  });
  {
    absl::MutexLock lock(&state.mutex);
    state.waits = true;
    EXPECT_TRUE(state.changed.WaitFor(&state.mutex,
                                      std::chrono::nanoseconds::max(),
                                      [&] { return state.done; }));
  }
  other.join();
}

TEST(SteadyCondVarTest, WaitsWithoutEndUntilItIsNotified) {
  State state;
  std::thread other([&state] {
    absl::MutexLock lock(&state.mutex);
    state.mutex.Await(absl::Condition(&state.waits));
    state.done = true;
    state.changed.NotifyAll();
  });
  {
    absl::MutexLock lock(&state.mutex);
    state.waits = true;
    while (!state.done) state.changed.Wait(&state.mutex);
  }
  other.join();
}

}  // namespace
}  // namespace tcptool::server
