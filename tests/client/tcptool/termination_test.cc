// How a signal ends the program, and when it comes too late.
#include "client/tcptool/termination.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>

namespace tcptool::client {
namespace {

void Say() {
  constexpr char kText[] = "interrupted";
  [[maybe_unused]] const ssize_t written =
      write(STDERR_FILENO, kText, sizeof kText - 1);
}

class ExitOnTerminationTest : public testing::TestWithParam<int> {};

TEST_P(ExitOnTerminationTest, SignalEndsTheProcessWhateverItWaitsFor) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        const ExitOnTermination termination(Say);
        kill(getpid(), GetParam());
        for (;;) pause();
      },
      testing::ExitedWithCode(1), "interrupted");
}

TEST_P(ExitOnTerminationTest, SignalAfterDisarmComesTooLate) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(
      {
        ExitOnTermination termination(Say);
        termination.Disarm();
        kill(getpid(), GetParam());
        _exit(7);
      },
      testing::ExitedWithCode(7), "^$");
}

INSTANTIATE_TEST_SUITE_P(Signals, ExitOnTerminationTest,
                         testing::Values(SIGTERM, SIGINT));

}  // namespace
}  // namespace tcptool::client
