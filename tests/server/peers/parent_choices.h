// Whom of its nodes a reception follows, by a clock of the test's own.
#ifndef TCPTOOL_TESTS_SERVER_PEERS_PARENT_CHOICES_H_
#define TCPTOOL_TESTS_SERVER_PEERS_PARENT_CHOICES_H_

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "server/peers/parent_choice.h"

namespace tcptool::server {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Loss = ParentChoice::Loss;
using Step = ParentChoice::Step;

inline constexpr uint64_t kBlock = uint64_t{1} << 20;

class ParentChoiceTest : public testing::Test {
 protected:
  void Open(size_t nodes, ParentChoice::Duration wait = hours(1)) {
    choice_.emplace(nodes, wait, ParentChoice::Timing());
    choice_->Connect(0, Loss::kNone, false, now_);
    choice_->Called(now_);
  }
  // What was followed has failed.
  Step Fail(bool is_refusal = false, uint64_t position = 0) {
    return Do(choice_->Failed(is_refusal, position, now_));
  }
  Step Lose(uint64_t offset, Loss loss, bool is_its_word = true) {
    return Do(choice_->Connect(offset, loss, is_its_word, now_));
  }
  Step Do(const ParentChoice::Next& next) {
    now_ += next.pause;
    choice_->Called(now_);
    return next.step;
  }
  void Serve() { choice_->Connected(now_); }
  void Hear(const ParentChoice::Said& said, uint64_t position = 0) {
    choice_->Heard(said, position, silent_since_, now_);
  }

  ParentChoice::Time now_{hours(1)};
  ParentChoice::Time silent_since_{};
  std::optional<ParentChoice> choice_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_PEERS_PARENT_CHOICES_H_
