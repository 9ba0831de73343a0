#include "server/rpc/open_calls.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

namespace tcptool::server {
namespace {

// Never given to gRPC.
class IdleCall : public Call {
 public:
  IdleCall(Role required, OpenCalls& open, bool* destroyed)
      : Call({.context = nullptr,
              .caller = {.name = "otto"},
              .required = required,
              .open = &open}),
        destroyed_(destroyed) {}
  ~IdleCall() override { *destroyed_ = true; }

  void Begin() override {}

 private:
  void OnRead(bool) override {}

  bool* const destroyed_;
};

TEST(OpenCallsTest, HoldsACallUntilItsEnd) {
  OpenCalls open;
  bool destroyed = false;
  auto call = std::make_shared<IdleCall>(Role::kViewer, open, &destroyed);
  IdleCall* const ended = call.get();
  open.Add(std::move(call));
  EXPECT_FALSE(destroyed);
  ended->OnDone();
  EXPECT_TRUE(destroyed);
}

TEST(OpenCallsTest, WaitsUntilTheLastCallHasEnded) {
  OpenCalls open;
  EXPECT_TRUE(open.WaitUntilNone(std::chrono::nanoseconds(0)));
  bool destroyed = false;
  const auto call = std::make_shared<IdleCall>(Role::kViewer, open, &destroyed);
  open.Add(call);
  EXPECT_FALSE(open.WaitUntilNone(std::chrono::nanoseconds(0)));
  std::thread other([&] { call->OnDone(); });
  EXPECT_TRUE(open.WaitUntilNone(std::chrono::nanoseconds::max()));
  other.join();
}

TEST(OpenCallsTest, AsksAboutEachCallOnce) {
  OpenCalls open;
  bool destroyed[2] = {};
  const auto first = std::make_shared<IdleCall>(Role::kNone, open, destroyed);
  const auto second =
      std::make_shared<IdleCall>(Role::kViewer, open, destroyed + 1);
  open.Add(first);
  open.Add(second);
  std::vector<const Call*> asked;
  open.CancelIf([&](const Call& call) {
    asked.push_back(&call);
    return absl::OkStatus();
  });
  std::vector<const Call*> all = {first.get(), second.get()};
  std::ranges::sort(asked);
  std::ranges::sort(all);
  EXPECT_EQ(asked, all);
  open.Remove(first.get());
  open.Remove(second.get());
}

}  // namespace
}  // namespace tcptool::server
