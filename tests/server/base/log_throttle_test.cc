#include "server/base/log_throttle.h"

#include <gtest/gtest.h>

#include <numeric>
#include <regex>

#include "spdlog/sinks/ostream_sink.h"
#include "spdlog/spdlog.h"

namespace tcptool::server {
namespace {

using std::chrono::steady_clock;

// Takes the log's lines for itself.
class LogThrottleTest : public testing::Test {
 protected:
  void SetUp() override {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    spdlog::set_pattern("%l %v");
  }

  // The field "count" of each line so far.
  std::vector<int> Counts() const {
    const std::string text = text_.str();
    const std::regex count("count=([0-9]+)");
    std::vector<int> counts;
    for (std::sregex_iterator i(text.begin(), text.end(), count), end; i != end;
         ++i) {
      counts.push_back(std::stoi((*i)[1]));
    }
    return counts;
  }

  std::ostringstream text_;
};

TEST_F(LogThrottleTest, WritesALineInAnIntervalAndCountsAll) {
  constexpr int kEvents = 10'000;
  constexpr auto kInterval = std::chrono::milliseconds(50);
  const auto begin = steady_clock::now();
  {
    LogThrottle throttle("refused", kInterval);
    for (int i = 0; i < kEvents; ++i) throttle.Warn({{"peer", "a"}});
  }
  const auto intervals = (steady_clock::now() - begin) / kInterval;
  const std::vector<int> counts = Counts();
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), 0), kEvents);
  // One at the beginning, one in each interval, and one at the end.
  EXPECT_LE(counts.size(), static_cast<size_t>(intervals) + 2);
}

TEST_F(LogThrottleTest, ShowsTheLastEvent) {
  {
    // Nothing is written between the first event and the end.
    LogThrottle throttle("refused", std::chrono::hours(1));
    throttle.Warn({{"peer", "first"}, {"number", 1}});
    throttle.Warn({{"peer", "last\n"}, {"number", 2}});
  }
  EXPECT_NE(text_.str().find("warning refused peer=\"last\\u000a\" number=2 "),
            std::string::npos)
      << text_.str();
}

TEST_F(LogThrottleTest, WritesNothingIfThereWasNothing) {
  { LogThrottle throttle("refused"); }
  EXPECT_EQ(text_.str(), "");
}

}  // namespace
}  // namespace tcptool::server
