// Requests that create nothing, whatever is created.
#include "server/sessions/creation_gate.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <map>
#include <memory>
#include <string>

#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

class Table {
 public:
  absl::StatusOr<int> Get(const std::string& name) const {
    const auto found = rows.find(name);
    if (found == rows.end()) return absl::NotFoundError(name);
    return found->second;
  }
  std::map<std::string, int> rows;
};

class CreationGateTest : public testing::Test {
 protected:
  using Gate = CreationGate<Table, int>;

  // Its answer; none: the request is to go on.
  std::optional<absl::StatusOr<int>> Ask(const std::string& id,
                                         const std::string& fingerprint = "") {
    std::optional<absl::StatusOr<int>> answer;
    const bool answers = gate_.AnswerIfKnown(
        id, fingerprint,
        [&answer](absl::StatusOr<int> given) { answer = std::move(given); });
    if (answers && !answer) {
      // What waits for the store comes on the control thread.
      EXPECT_TRUE(store_->WaitUntilDurable().ok());
      control_.restart();
      control_.run();
    }
    EXPECT_EQ(answers, answer.has_value());
    return answer;
  }

  asio::io_context control_;
  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  RequestIds ids_{*store_, RequestKind::kReception};
  Table table_;
  Gate gate_{control_.get_executor(), table_, *store_, ids_};
};

TEST_F(CreationGateTest, NewIdsAndNoneGoOn) {
  EXPECT_FALSE(Ask(""));
  EXPECT_FALSE(Ask("one"));
}

TEST_F(CreationGateTest, RetryIsAnsweredOnceTheFirstCallIsDurable) {
  ids_.Add({.id = "one", .time = absl::Now(), .name = "a"});
  table_.rows["a"] = 7;
  EXPECT_EQ(**Ask("one"), 7);
  EXPECT_TRUE(absl::IsAlreadyExists(Ask("one", "other")->status()));
  ids_.OnDeleted("a");
  EXPECT_TRUE(absl::IsNotFound(Ask("one")->status()));
}

TEST_F(CreationGateTest, FirstCallThatFailsMeanwhileIsToldSo) {
  ids_.Add({.id = "one", .time = absl::Now(), .name = "a"});
  absl::StatusOr<int> answer = 0;
  EXPECT_TRUE(gate_.AnswerIfKnown(
      "one", "", [&answer](absl::StatusOr<int> given) { answer = given; }));
  ids_.Remove("one");
  while (answer.ok()) {
    control_.restart();
    control_.run();
  }
  EXPECT_EQ(ReasonOf(answer.status()), "FIRST_CALL_FAILED");
}

TEST_F(CreationGateTest, ClosedOneRefusesAll) {
  EXPECT_TRUE(gate_.is_open());
  gate_.Close();
  EXPECT_FALSE(gate_.is_open());
  EXPECT_TRUE(absl::IsUnavailable(Ask("one")->status()));
}

}  // namespace
}  // namespace tcptool::server
