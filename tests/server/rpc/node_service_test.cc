// What a node says of itself.
#include "server/rpc/node_service.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

// Two roots in two lists, whose file systems hang: their threads wait.
class NodeServiceTest : public testing::Test {
 protected:
  NodeServiceTest() {
    Hang(roots_, "from");
    Hang(writable_roots_, "to");
  }
  ~NodeServiceTest() override { back_.set_value(); }

  void Hang(ContentRoots& roots, const std::string& name) {
    const std::filesystem::path home =
        std::filesystem::path(testing::TempDir()) / name;
    std::filesystem::create_directories(home);
    ASSERT_TRUE(roots.Add(absl::StrCat(name, "=", home.string())).ok());
    for (int thread = 0; thread < 2; ++thread) {
      auto begun = std::make_shared<std::promise<void>>();
      roots.Run<bool>(
          name,
          [begun,
           is_back = is_back_](const ContentRoot&) -> absl::StatusOr<bool> {
            begun->set_value();
            is_back.wait();
            return true;
          },
          [](const absl::StatusOr<bool>&) {});
      begun->get_future().wait();
    }
  }

  std::promise<void> back_;
  const std::shared_future<void> is_back_ = back_.get_future().share();
  InProcessService service_;
  ContentRoots roots_{absl::Hours(1)};
  ContentRoots writable_roots_{absl::Hours(1)};
  NodeService node_{v1::Node(), roots_, writable_roots_, service_.manager()};
};

TEST_F(NodeServiceTest, RootsOfBothKindsAreAskedAtOnce) {
  auto answer = std::make_shared<std::promise<v1::Node>>();
  node_.GetNode([answer](const absl::StatusOr<v1::Node>& node) {
    answer->set_value(node.ok() ? *node : v1::Node());
  });
  // As if both deadlines came at the same time.
  writable_roots_.AnswerPending();
  roots_.AnswerPending();
  auto future = answer->get_future();
  ASSERT_EQ(future.wait_for(absl::ToChronoSeconds(dataplane::kDeadline)),
            std::future_status::ready);
  const v1::Node node = future.get();
  ASSERT_EQ(node.roots_size(), 1);
  EXPECT_EQ(node.roots(0).name(), "from");
  EXPECT_FALSE(node.roots(0).has_free_bytes());
  ASSERT_EQ(node.writable_roots_size(), 1);
  EXPECT_EQ(node.writable_roots(0).name(), "to");
}

}  // namespace
}  // namespace tcptool::server
