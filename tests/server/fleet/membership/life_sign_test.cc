// Who is taken for dead.
#include "server/fleet/membership/life_sign.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "gtest/gtest.h"

namespace tcptool::fleet {
namespace {

TEST(LifeSign, IsThereUntilItsEnd) {
  auto sign = std::make_unique<LifeSign>();
  const std::string text = sign->text();
  ASSERT_FALSE(text.empty());
  EXPECT_FALSE(LifeSign::IsGone(text));
  const LifeSign other;
  EXPECT_NE(other.text(), text);
  sign.reset();
  EXPECT_TRUE(LifeSign::IsGone(text));
  EXPECT_FALSE(LifeSign::IsGone(other.text()));
}

TEST(LifeSign, IsThereUntilItsProcessHasEnded) {
  auto sign = std::make_unique<LifeSign>();
  const std::string text = sign->text();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    while (true) pause();  // It has the socket as well.
  }
  sign.reset();
  EXPECT_FALSE(LifeSign::IsGone(text));
  kill(child, SIGSTOP);
  waitpid(child, nullptr, WUNTRACED);
  EXPECT_FALSE(LifeSign::IsGone(text));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(LifeSign::IsGone(text));
}

TEST(LifeSign, SaysNothingOfOthers) {
  std::string text;
  {
    const LifeSign sign;
    text = sign.text();
  }
  ASSERT_TRUE(LifeSign::IsGone(text));
  EXPECT_FALSE(LifeSign::IsGone("")) << "An older version's.";
  std::string of_another_boot = text;
  of_another_boot[0] = text[0] == '0' ? '1' : '0';
  EXPECT_FALSE(LifeSign::IsGone(of_another_boot));
  std::string of_another_network = text;
  const size_t bracket = text.find('[');
  ASSERT_NE(bracket, std::string::npos);
  of_another_network.insert(bracket + 1, "1");
  EXPECT_FALSE(LifeSign::IsGone(of_another_network));
  EXPECT_FALSE(LifeSign::IsGone(text + "0"));
  EXPECT_FALSE(LifeSign::IsGone(text + std::string(200, '0')));
  EXPECT_FALSE(LifeSign::IsGone(text.substr(0, text.find("tcptoold-"))));
}

}  // namespace
}  // namespace tcptool::fleet
