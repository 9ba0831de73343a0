// Over real sockets; the test is the client and the clock.
#include "server/front/leaving_clients.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "tests/server/front/fronts.h"

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class LeavingClientsTest : public testing::Test {
 protected:
  // Was sent more than the kernel has for it at its own end; returns that end.
  UniqueFd Add(Places::Id place) {
    Tcp tcp = NewTcp();
    Send(tcp.server, std::string(kSent, 'a'));
    clients.Add(place, std::move(tcp.server), start);
    return std::move(tcp.client);
  }

  static constexpr size_t kSent = 1 << 20;
  const LeavingClients::Clock::time_point start = LeavingClients::Clock::now();
  LeavingClients clients;
};

TEST_F(LeavingClientsTest, ResetsWhoDoesNotTakeWhatItWasSent) {
  const UniqueFd client = Add(1);
  EXPECT_THAT(clients.Tick(start + seconds(9)), IsEmpty());
  EXPECT_THAT(clients.Tick(start + seconds(10)), ElementsAre(1));
  EXPECT_EQ(WaitForEnd(client), ECONNRESET);
  EXPECT_THAT(clients.Tick(start + seconds(11)), IsEmpty());
}

TEST_F(LeavingClientsTest, LetsGoInOrderOfWhoTakesIt) {
  const UniqueFd client = Add(1);
  const UniqueFd other = Add(2);
  EXPECT_EQ(Receive(client, kSent + 1).size(), kSent);
  // Its acknowledgement of the end may come a moment later.
  std::vector<Places::Id> gone;
  while (gone.empty()) gone = clients.Tick(start);
  EXPECT_THAT(gone, ElementsAre(1));
  EXPECT_EQ(WaitForEnd(client), 0);
}

TEST_F(LeavingClientsTest, HasNoPatienceWithWhoIsGone) {
  UniqueFd client = Add(1);
  // With something unread, this is a reset.
  client = UniqueFd();
  EXPECT_THAT(clients.Tick(start), ElementsAre(1));
}

TEST_F(LeavingClientsTest, ResetsWhoseThePlaceIs) {
  const UniqueFd client = Add(1);
  EXPECT_FALSE(clients.Reset(2));
  EXPECT_TRUE(clients.Reset(1));
  EXPECT_EQ(WaitForEnd(client), ECONNRESET);
  EXPECT_FALSE(clients.Reset(1));
  EXPECT_THAT(clients.Tick(start + seconds(10)), IsEmpty());
}

}  // namespace
}  // namespace tcptool::server
