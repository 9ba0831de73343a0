// A small transfer in TLS, again and again: each time the next one of its
// system calls fails. No recipient takes a part for the whole, whoever is
// DELIVERED has all, and no descriptor is left behind.
#include <gtest/gtest.h>

#include <thread>

#include "tests/dataplane/faults.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {
namespace {

constexpr size_t kSize = 1'300'001;  // More than a socket takes at once.
constexpr int kMaxSteps = 20;

// What becomes of a recipient that is hit.
enum class Fate : uint8_t { kDelivered, kFailed, kEither };

struct FaultCase {
  const char* name;
  Call call;
  int error;
  Fate fate;
};

class TlsFaultTest : public testing::TestWithParam<FaultCase> {
 protected:
  const TlsWorld world;
  const Context server = world.Server();
  const Context client = world.Client();
  const std::string content = Content(kSize);
  // One for all transfers: what they leave open shows.
  const std::shared_ptr<RandomAccessFile> file =
      RandomAccessFile::FromDescriptor(MemoryFile(content).release());
};

TEST_P(TlsFaultTest, AtEachStep) {
  const FaultCase& param = GetParam();
  for (int step = 0; step < kMaxSteps; ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    const int descriptors = OpenDescriptors();
    FaultySockets sockets(
        {.call = param.call, .error = param.error, .first = step});
    {
      const SessionTls tls{.context = [this] { return server; }};
      OneSession one(*FileSource::Create(file, 0, std::nullopt),
                     {.tls = std::make_shared<const SessionTls>(tls)},
                     {.lanes = 1, .sockets = &sockets});
      TlsPeer peer(one.port(), client);
      TlsPeer::Result got;
      std::thread reads([&] {
        if (peer.Handshake() && peer.Say("\x01")) got = peer.ReadAndClose();
        peer.peer().Close();
      });
      EXPECT_TRUE(one.recorder->WaitFor([](const SessionStatus& session) {
        return session.count(RecipientState::kDelivered) +
                   session.count(RecipientState::kFailed) ==
               1;
      }));
      reads.join();
      const RecipientStatus recipient = one.recorder->recipient(1);
      const bool is_hit = sockets.calls() > step;
      if (!is_hit || param.fate == Fate::kDelivered) {
        EXPECT_EQ(recipient.state, RecipientState::kDelivered)
            << Name(recipient.reason) << ": " << recipient.detail;
      } else if (param.fate == Fate::kFailed) {
        EXPECT_EQ(recipient.state, RecipientState::kFailed);
        EXPECT_NE(recipient.detail, "");
      }
      // The close_notify says that the content is complete.
      EXPECT_TRUE(!got.whole || got.data == content);
      EXPECT_TRUE(content.starts_with(got.data));
      if (recipient.state == RecipientState::kDelivered) {
        EXPECT_TRUE(got.whole);
        EXPECT_EQ(recipient.bytes_acked, kSize);
      }
    }
    EXPECT_LE(OpenDescriptors(), descriptors);
    if (sockets.calls() <= step) break;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Calls, TlsFaultTest,
    testing::ValuesIn(std::vector<FaultCase>{
        {"SendIsCutShort", Call::kSend, 0, Fate::kDelivered},
        {"SendHasNoRoom", Call::kSend, -EAGAIN, Fate::kDelivered},
        {"SendHasNoMemory", Call::kSend, -ENOBUFS, Fate::kDelivered},
        {"SendIsReset", Call::kSend, -ECONNRESET, Fate::kFailed},
        {"ReceiveHasNothing", Call::kReceive, -EAGAIN, Fate::kDelivered},
        {"ReceiveIsReset", Call::kReceive, -ECONNRESET, Fate::kFailed},
        {"PeekIsReset", Call::kPeek, -ECONNRESET, Fate::kFailed},
        {"ShutdownFails", Call::kShutdownWrite, -ENOTCONN, Fate::kFailed},
        // Nothing, if it was asked to measure.
        {"UnacknowledgedFails", Call::kUnacknowledged, -EIO, Fate::kEither},
    }),
    [](const auto& param_info) { return param_info.param.name; });

}  // namespace
}  // namespace tcptool::dataplane
