#include "server/front/stranger_calls.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

using dataplane::Clock;
using Next = StrangerCalls::Next;

std::string Frame(uint8_t type, uint8_t flags, uint32_t stream,
                  size_t length = 0) {
  std::string frame;
  for (const size_t byte : {length >> 16, length >> 8, length}) {
    frame.push_back(static_cast<char>(byte & 0xff));
  }
  frame.push_back(static_cast<char>(type));
  frame.push_back(static_cast<char>(flags));
  for (const uint32_t shift : {24, 16, 8, 0}) {
    frame.push_back(static_cast<char>(stream >> shift & 0xff));
  }
  return frame + std::string(length, 'x');
}

std::string Call(uint32_t stream) {
  return Frame(Http2Frame::kHeaders, Http2Frame::kEndHeaders, stream, 6);
}
std::string Data(uint32_t stream, size_t length) {
  return Frame(Http2Frame::kData, 0, stream, length);
}
std::string Reset(uint32_t stream) {
  return Frame(Http2Frame::kRstStream, 0, stream, 4);
}
// What gRPC sends for a call that it refuses.
std::string Refusal(uint32_t stream) {
  return Frame(Http2Frame::kHeaders,
               Http2Frame::kEndHeaders | Http2Frame::kEndStream, stream, 20);
}

class StrangerCallsTest : public testing::Test {
 protected:
  StrangerCallsTest() {
    Send(std::string(kHttp2PrefaceBytes, 'p') +
         Frame(Http2Frame::kSettings, 0, 0, 12));
    EXPECT_EQ(waiting, "");
  }

  // What may go of `bytes`, behind what waits already, goes.
  Next Send(const std::string& bytes) {
    waiting += bytes;
    const StrangerCalls::Admitted admitted = calls.Admit(waiting);
    waiting.erase(0, admitted.bytes);
    return admitted.next;
  }

  StrangerSlots slots{20};
  bool told = false;
  StrangerCalls calls{slots, [this] { told = true; }};
  std::string waiting;
};

TEST_F(StrangerCallsTest, LetsNoMoreCallsInThanMayBeOpen) {
  std::string all;
  for (uint32_t i = 0; i < 3 * StrangerCalls::kMaxOpen; ++i) {
    all += Call(2 * i + 1);
  }
  EXPECT_EQ(Send(all), Next::kWait);
  const size_t left = 2 * StrangerCalls::kMaxOpen;
  EXPECT_EQ(waiting.size(), left * Call(1).size());
  calls.OnAnswer(Refusal(5) + Refusal(1));
  EXPECT_EQ(Send(""), Next::kWait);
  EXPECT_EQ(waiting.size(), (left - 2) * Call(1).size());
}

TEST_F(StrangerCallsTest, WaitsForASlotThatOthersHave) {
  StrangerSlots::Share others(slots, [] {});
  while (others.Take()) {
  }
  EXPECT_EQ(Send(Call(1) + Data(1, 5)), Next::kWait);
  EXPECT_EQ(waiting, Call(1) + Data(1, 5));
  EXPECT_FALSE(told);
  others.ReleaseAll();
  EXPECT_TRUE(told);
  EXPECT_EQ(Send(""), Next::kMore);
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, GivesTheSlotBackWithTheAnswerHoweverItIsCut) {
  for (const std::string& answer :
       {Refusal(1), Reset(1), Frame(Http2Frame::kHeaders, 0, 1, 3)}) {
    StrangerCalls other(slots, [] {});
    const std::string first = std::string(kHttp2PrefaceBytes, 'p') + Call(1);
    ASSERT_EQ(other.Admit(first).bytes, first.size());
    const Clock::time_point none = Clock::time_point::max();
    EXPECT_NE(other.UnansweredSince(none), none);
    // A frame of another stream's, and then this one byte by byte.
    for (const char byte : absl::StrCat(Refusal(3), answer)) {
      other.OnAnswer(std::string(1, byte));
    }
    EXPECT_EQ(other.UnansweredSince(none), none);
  }
  // None of the three has one: all are there.
  StrangerSlots::Share all(slots, [] {});
  int count = 0;
  while (all.Take()) ++count;
  EXPECT_EQ(count, 20);
}

TEST_F(StrangerCallsTest, WaitsForSettingsAndPingsToBeAcknowledged) {
  const std::string both =
      Frame(Http2Frame::kSettings, 0, 0, 6) + Frame(Http2Frame::kPing, 0, 0, 8);
  std::string all;
  for (int i = 0; i < 100; ++i) all += both;
  EXPECT_EQ(Send(all), Next::kWait);
  // The first settings count too.
  const size_t most = StrangerCalls::kMaxUnacknowledged - 1;
  EXPECT_EQ(
      all.size() - waiting.size(),
      most / 2 * both.size() + Frame(Http2Frame::kSettings, 0, 0, 6).size());
  for (int i = 0; i < 100; ++i) {
    calls.OnAnswer(Frame(Http2Frame::kPing, Http2Frame::kAck, 0, 8) +
                   // The server's own are no answers.
                   Frame(Http2Frame::kPing, 0, 0, 8) +
                   Frame(Http2Frame::kSettings, 0, 0, 6) +
                   Frame(Http2Frame::kSettings, Http2Frame::kAck, 0));
    const size_t before = waiting.size();
    Send("");
    EXPECT_LE(before - waiting.size(), both.size());
  }
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, LetsAllAcknowledgementsIn) {
  std::string all;
  for (int i = 0; i < 100; ++i) {
    all += Frame(Http2Frame::kSettings, Http2Frame::kAck, 0) +
           Frame(Http2Frame::kPing, Http2Frame::kAck, 0, 8);
  }
  EXPECT_EQ(Send(all), Next::kMore);
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, HoldsABlockOfHeadersUntilItIsWhole) {
  const std::string first = Frame(Http2Frame::kHeaders, 0, 1, 100);
  const std::string middle = Frame(Http2Frame::kContinuation, 0, 1, 100);
  const std::string last =
      Frame(Http2Frame::kContinuation, Http2Frame::kEndHeaders, 1, 100);
  EXPECT_EQ(Send(first), Next::kMore);
  EXPECT_EQ(Send(middle + last.substr(0, last.size() - 1)), Next::kMore);
  EXPECT_EQ(waiting.size(), first.size() + middle.size() + last.size() - 1);
  EXPECT_EQ(Send(last.substr(last.size() - 1)), Next::kMore);
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, WantsNoBlockOfHeadersWithoutEnd) {
  Send(Frame(Http2Frame::kHeaders, 0, 1));
  size_t sent = 0;
  // Frames without a payload count too.
  while (Send(Frame(Http2Frame::kContinuation, 0, 1)) == Next::kMore) ++sent;
  EXPECT_LE(sent * Http2Frame::kHeaderBytes, StrangerCalls::kMaxBlockBytes);
  EXPECT_NE(calls.why().find("block of headers"), std::string::npos);
}

TEST_F(StrangerCallsTest, WantsNothingElseWithinABlockOfHeaders) {
  EXPECT_EQ(Send(Frame(Http2Frame::kHeaders, 0, 1) +
                 Frame(Http2Frame::kSettings, 0, 0)),
            Next::kReset);
}

TEST_F(StrangerCallsTest, WantsNeitherTrailersNorContinuationsOfNothing) {
  Send(Call(3));
  EXPECT_EQ(Send(Call(3)), Next::kReset);
  waiting.clear();
  EXPECT_EQ(Send(Call(1)), Next::kReset);
  waiting.clear();
  EXPECT_EQ(Send(Frame(Http2Frame::kContinuation, 0, 3)), Next::kReset);
}

TEST_F(StrangerCallsTest, WantsNoCallThatGrpcWouldNotAnswer) {
  EXPECT_EQ(Send(Call(2)), Next::kReset);
}

TEST_F(StrangerCallsTest, WantsNoGoAwayThatTakesMuchRoom) {
  const size_t most = StrangerCalls::kMaxBlockBytes;
  EXPECT_EQ(Send(Frame(Http2Frame::kGoAway, 0, 0, most)), Next::kMore);
  EXPECT_EQ(Send(Frame(Http2Frame::kGoAway, 0, 0, most + 1)), Next::kReset);
}

TEST_F(StrangerCallsTest, WantsNoThirdGoAway) {
  const std::string goaway = Frame(Http2Frame::kGoAway, 0, 0, 8);
  EXPECT_EQ(Send(goaway + Call(1) + goaway), Next::kMore);
  EXPECT_EQ(waiting, "");
  EXPECT_EQ(Send(goaway), Next::kReset);
  EXPECT_EQ(waiting, goaway);
}

TEST_F(StrangerCallsTest, HoldsTheEndOfACallUntilItsAnswer) {
  EXPECT_EQ(Send(Call(1) + Reset(1) + Call(3)), Next::kWait);
  EXPECT_EQ(waiting, Reset(1) + Call(3));
  calls.OnAnswer(Frame(Http2Frame::kHeaders, Http2Frame::kEndHeaders, 1, 9));
  EXPECT_EQ(Send(""), Next::kMore);
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, HoldsTheDataOfACallThatIsBeyondItsBound) {
  const size_t bound = StrangerCalls::kMaxDataBytes;
  EXPECT_EQ(Send(Call(1) + Data(1, bound - 10)), Next::kMore);
  EXPECT_EQ(Send(Data(1, 20) + Call(3)), Next::kWait);
  EXPECT_EQ(waiting.size(), 10 + Call(3).size());
  // gRPC throws away what comes for a call that it has ended.
  calls.OnAnswer(Refusal(1));
  EXPECT_EQ(Send(Data(1, 2 * bound)), Next::kMore);
  EXPECT_EQ(waiting, "");
}

TEST_F(StrangerCallsTest, KeepsNothingOfWhatIsCleared) {
  Send(Call(1) + Call(3));
  calls.Clear();
  StrangerSlots::Share all(slots, [] {});
  int count = 0;
  while (all.Take()) ++count;
  EXPECT_EQ(count, 20);
}

}  // namespace
}  // namespace tcptool::server
