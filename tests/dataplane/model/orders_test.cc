// Every order of up to three events, and a sample of longer ones, against real
// sockets: what a recipient takes for whole is whole, and who is DELIVERED has
// all. With TCPTOOL_ORDERS=all in the environment, all of up to five events are
// tried, for a minute or more; with TCPTOOL_ORDERS=BFK,UbR these alone; with
// TCPTOOL_SEED a sample again.
#include "tests/dataplane/model/orders.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "dataplane/engine/engine.h"
#include "tests/dataplane/model/sender.h"
#include "tests/dataplane/model/trial.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kAlways = 3;    // All orders up to this length.
constexpr size_t kLongest = 5;   // A sample of those up to this length.
constexpr size_t kSample = 150;  // Orders of it, each in four trials.
// Trials that wait for a grace period wait beside each other.
constexpr size_t kThreads = 32;
constexpr size_t kSmall = 5'000;      // In the kernel's hands at once.
constexpr size_t kLarge = 1'500'001;  // More than the kernel takes.
constexpr int kTries = 5;             // Of what the machine is too busy for.
// So many trials that break a promise are enough to look into.
constexpr size_t kEnough = 100;
constexpr size_t kShown = 20;  // Of each promise.

std::vector<std::string> OrdersToTry() {
  if (const char* wanted = getenv("TCPTOOL_ORDERS")) {
    if (std::string_view(wanted) == "all") return AllOrders(kLongest);
    return absl::StrSplit(wanted, ',');
  }
  std::vector<std::string> orders = AllOrders(kAlways);
  std::vector<std::string> longer = AllOrders(kLongest);
  std::erase_if(
      longer, [](const std::string& order) { return order.size() <= kAlways; });
  const char* given = getenv("TCPTOOL_SEED");
  const unsigned seed = given != nullptr ? std::strtoul(given, nullptr, 10)
                                         : std::random_device()();
  printf("TCPTOOL_SEED=%u\n", seed);
  fflush(stdout);
  std::mt19937 random(seed);
  std::shuffle(longer.begin(), longer.end(), random);
  longer.resize(std::min(longer.size(), kSample));
  orders.insert(orders.end(), longer.begin(), longer.end());
  return orders;
}

std::vector<Trial> TrialsToMake() {
  std::vector<Trial> trials;
  for (const std::string& order : OrdersToTry()) {
    for (const size_t size : {kSmall, kLarge}) {
      for (const bool held : {false, true}) {
        trials.push_back({.order = order, .held = held, .size = size});
      }
    }
  }
  // Those that wait are spread among those that do not.
  std::shuffle(trials.begin(), trials.end(), std::mt19937());
  return trials;
}

// What the threads have found together.
struct Found {
  absl::Mutex mutex;
  std::map<std::string, std::vector<std::string>> broken;  // By promise.
  std::atomic<size_t> failed = 0;
  size_t made = 0;
  size_t delivered = 0;
  size_t too_slow = 0;
};

void Make(const Trial& trial, Engine& engine, SenderProcesses& processes,
          Found& found) {
  Verdict verdict;
  for (int i = 0; i < kTries && (i == 0 || verdict.too_slow); ++i) {
    verdict = Run(trial, engine, processes);
  }
  absl::MutexLock lock(&found.mutex);
  ++found.made;
  if (verdict.too_slow) {
    ++found.too_slow;
  } else if (!verdict.broken.empty()) {
    found.broken[verdict.broken].push_back(trial.ToString());
    ++found.failed;
  }
  found.delivered += verdict.delivered ? 1 : 0;
}

TEST(OrdersTest, AreWordsInWhichEachEventMatters) {
  const std::vector<std::string> orders = AllOrders(kLongest);
  const std::set<std::string> unique(orders.begin(), orders.end());
  EXPECT_EQ(unique.size(), orders.size());
  for (const char* order : {"", "X", "BFK", "BR", "bUR", "BrsrC", "BFrK"}) {
    EXPECT_TRUE(unique.contains(order)) << order;
  }
  // Nothing follows an end, and nothing is said after a half-close.
  for (const char* order : {"Rb", "XK", "FB", "FU", "s", "rr"}) {
    EXPECT_FALSE(unique.contains(order)) << order;
  }
}

TEST(OrdersTest, NoneBreaksAPromise) {
  // Made before the fork, so that no sender has to make them again.
  for (const size_t size : {kSmall, kLarge}) ContentsOf(size);
  // They fork: before there are threads.
  std::vector<std::unique_ptr<SenderProcesses>> processes;
  for (size_t i = 0; i < kThreads; ++i) {
    processes.push_back(std::make_unique<SenderProcesses>());
  }
  const std::vector<Trial> trials = TrialsToMake();
  Found found;
  std::atomic<size_t> next = 0;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      Engine engine({.lanes = 1, .disk_threads = 1});
      for (size_t at = next++; at < trials.size() && found.failed < kEnough;
           at = next++) {
        Make(trials[at], engine, *processes[i], found);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  printf("%zu trials of %zu, %zu delivered, %zu not judged\n", found.made,
         trials.size(), found.delivered, found.too_slow);
  for (auto& [promise, orders] : found.broken) {
    const size_t count = orders.size();
    std::sort(orders.begin(), orders.end(), [](const auto& a, const auto& b) {
      return a.size() != b.size() ? a.size() < b.size() : a < b;
    });
    orders.resize(std::min(count, kShown));
    ADD_FAILURE() << promise << ", in " << count << " trials:\n  "
                  << absl::StrJoin(orders, "\n  ");
  }
  // Else it would have been about nothing.
  if (getenv("TCPTOOL_ORDERS") == nullptr) {
    EXPECT_GT(found.delivered, found.made / 20);
  }
}

}  // namespace
}  // namespace tcptool::dataplane
