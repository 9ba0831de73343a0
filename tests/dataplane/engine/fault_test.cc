// A small transfer to two recipients, again and again: each time the next one
// of its system calls fails. Whatever it is, the states and reasons are right,
// no recipient takes a part for the whole, and no descriptor is left behind.
#include <gtest/gtest.h>

#include <cstring>

#include "dataplane/lanes/block_cache.h"
#include "tests/dataplane/faults.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

// Two blocks, and more than a socket takes at once.
constexpr size_t kSize = BlockCache::kBlockSize + 300'001;

// Steps of one kind that a transfer is tried with; it has fewer of most.
constexpr int kMaxSteps = 20;

const std::string& TheContent() {
  static const std::string content = Content(kSize);
  return content;
}

// One for all transfers: what they leave open shows.
std::shared_ptr<RandomAccessFile> TheFile() {
  static const auto file =
      RandomAccessFile::FromDescriptor(DiskFile(TheContent()).release());
  return file;
}

struct Outcome {
  SessionStatus session;
  std::map<uint64_t, RecipientStatus> recipients;
  std::map<uint16_t, Peer::Result> peers;  // By port.

  // The recipient that has this port.
  RecipientStatus At(uint16_t port) const {
    for (const auto& [id, recipient] : recipients) {
      if (recipient.peer.port() == port) return recipient;
    }
    return {};
  }
};

// Both are told that everybody is there once nobody's handshake is under way.
Outcome Transfer(SocketApi& sockets, std::shared_ptr<RandomAccessFile> file) {
  TheFile();
  const int before = OpenDescriptors();
  Outcome outcome;
  {
    OneSession one(*FileSource::Create(std::move(file), 0, std::nullopt), {},
                   {.lanes = 2, .sockets = &sockets});
    ReadingPeer first(one.port(), 0);
    ReadingPeer second(one.port(), 0);
    EXPECT_TRUE(one.recorder->WaitFor([](const SessionStatus& session) {
      return session.count(RecipientState::kReady) +
                 session.count(RecipientState::kFailed) +
                 session.count(RecipientState::kRejected) ==
             2;
    }));
    EXPECT_TRUE(one.Call(&Session::Start).ok());
    one.recorder->WaitForEnd();
    outcome.session = one.recorder->session();
    outcome.recipients = one.recorder->recipients();
    outcome.peers[first.port()] = first.Join();
    outcome.peers[second.port()] = second.Join();
  }
  // One of the transfer before may have been closed only meanwhile.
  EXPECT_LE(OpenDescriptors(), before);
  for (const auto& [port, peer] : outcome.peers) {
    // An orderly end says that the content is complete.
    EXPECT_TRUE(peer.error != 0 || peer.data == TheContent());
    EXPECT_TRUE(TheContent().starts_with(peer.data));
    if (outcome.At(port).state == RecipientState::kDelivered) {
      EXPECT_EQ(peer.error, 0);
      EXPECT_EQ(outcome.At(port).bytes_acked, kSize);
    }
  }
  return outcome;
}

struct SocketCase {
  const char* name;
  Call call;
  int error;
  int count;
  // What becomes of a recipient that is hit.
  RecipientState state;
  Reason reason = Reason::kNone;
  bool stays_in_host = true;
};

class SocketFaultTest : public testing::TestWithParam<SocketCase> {};

TEST_P(SocketFaultTest, AtEachStep) {
  const SocketCase& param = GetParam();
  if (!param.stays_in_host && !TheFile()->Cached(0, kSize)) {
    GTEST_SKIP() << "this file system does not say what is in memory";
  }
  int steps = 0;
  for (; steps < kMaxSteps; ++steps) {
    SCOPED_TRACE(testing::Message() << "step " << steps);
    FaultySockets sockets({.call = param.call,
                           .error = param.error,
                           .first = steps,
                           .count = param.count},
                          param.stays_in_host);
    const Outcome outcome = Transfer(sockets, TheFile());
    size_t delivered = 0;
    size_t strangers = 0;
    for (const auto& [port, peer] : outcome.peers) {
      const RecipientStatus recipient = outcome.At(port);
      const bool hit = sockets.hit().contains(port);
      EXPECT_EQ(Name(recipient.state),
                Name(hit ? param.state : RecipientState::kDelivered));
      // An error that was there when the byte was seen ends the handshake.
      const bool in_handshake = param.call == Call::kError &&
                                recipient.start_time == absl::InfinitePast();
      EXPECT_EQ(Name(recipient.reason),
                Name(!hit           ? Reason::kNone
                     : in_handshake ? Reason::kHandshakeClosed
                                    : param.reason));
      EXPECT_EQ(recipient.detail.empty(), recipient.reason == Reason::kNone);
      delivered += recipient.state == RecipientState::kDelivered;
      strangers += recipient.reason == Reason::kHandshakeClosed;
    }
    EXPECT_EQ(
        Name(outcome.session.state),
        Name(delivered + strangers == 2 ? SessionState::kSucceeded
                                        : SessionState::kPartiallySucceeded));
    if (sockets.calls() <= steps) break;
  }
  EXPECT_GT(steps, 0) << "the fault was never injected";
}

constexpr auto kDelivered = RecipientState::kDelivered;
constexpr auto kFailed = RecipientState::kFailed;
constexpr auto kLost = Reason::kConnectionLost;
constexpr auto kClosed = Reason::kHandshakeClosed;

INSTANTIATE_TEST_SUITE_P(
    Faults, SocketFaultTest,
    testing::Values(
        SocketCase{"ShortWrite", Call::kSend, 0, 1, kDelivered},
        SocketCase{"ShortWrites", Call::kSend, 0, 100, kDelivered},
        SocketCase{"FullSocket", Call::kSend, -EAGAIN, 1, kDelivered},
        SocketCase{"FullSocketStorm", Call::kSend, -EAGAIN, 500, kDelivered},
        SocketCase{"NoBuffers", Call::kSend, -ENOBUFS, 2, kDelivered},
        SocketCase{"NoMemory", Call::kSend, -ENOMEM, 2, kDelivered},
        SocketCase{"SendReset", Call::kSend, -ECONNRESET, 1, kFailed, kLost},
        SocketCase{"SendPipe", Call::kSend, -EPIPE, 1, kFailed, kLost},
        SocketCase{"SendTimeout", Call::kSend, -ETIMEDOUT, 1, kFailed, kLost},
        SocketCase{"SendUnreachable", Call::kSend, -EHOSTUNREACH, 1, kFailed,
                   kLost},
        SocketCase{"ShortSendFile", Call::kSendFile, 0, 1, kDelivered,
                   Reason::kNone, false},
        SocketCase{"SendFileStorm", Call::kSendFile, -EAGAIN, 500, kDelivered,
                   Reason::kNone, false},
        SocketCase{"SendFileNoBuffers", Call::kSendFile, -ENOBUFS, 2,
                   kDelivered, Reason::kNone, false},
        // Reading says that the file is well.
        SocketCase{"SendFileIo", Call::kSendFile, -EIO, 1, kDelivered,
                   Reason::kNone, false},
        SocketCase{"SendFileReset", Call::kSendFile, -ECONNRESET, 1, kFailed,
                   kLost, false},
        SocketCase{"SendFilePipe", Call::kSendFile, -EPIPE, 1, kFailed, kLost,
                   false},
        SocketCase{"SendFileTimeout", Call::kSendFile, -ETIMEDOUT, 1, kFailed,
                   kLost, false},
        SocketCase{"PeekStorm", Call::kPeek, -EAGAIN, 100, kDelivered},
        SocketCase{"PeekReset", Call::kPeek, -ECONNRESET, 1, kFailed, kClosed},
        SocketCase{"PeekTimeout", Call::kPeek, -ETIMEDOUT, 1, kFailed, kClosed},
        SocketCase{"ShutdownReset", Call::kShutdownWrite, -ECONNRESET, 1,
                   kFailed, kLost},
        SocketCase{"ShutdownNotConnected", Call::kShutdownWrite, -ENOTCONN, 1,
                   kFailed, kLost},
        SocketCase{"ReceiveStorm", Call::kReceive, -EAGAIN, 100, kDelivered},
        SocketCase{"ReceiveReset", Call::kReceive, -ECONNRESET, 1, kFailed,
                   kLost},
        SocketCase{"ReceiveTimeout", Call::kReceive, -ETIMEDOUT, 1, kFailed,
                   kLost},
        SocketCase{"QueueUnknown", Call::kUnacknowledged, -ECONNRESET, 1,
                   kFailed, kLost},
        SocketCase{"ErrorReset", Call::kError, -ECONNRESET, 1, kFailed, kLost},
        SocketCase{"ErrorTimeout", Call::kError, -ETIMEDOUT, 1, kFailed,
                   kLost}),
    [](const auto& info) { return std::string(info.param.name); });

// At each call of accept(2), and so often in a row.
class AcceptFaultTest : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(AcceptFaultTest, TurnsAwayOrWaits) {
  const auto [error, count] = GetParam();
  const bool descriptors = error == -EMFILE || error == -ENFILE;
  for (int step = 0; step < 2; ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step);
    FaultySockets sockets(
        {.call = Call::kAccept, .error = error, .first = step, .count = count});
    const Outcome outcome = Transfer(sockets, TheFile());
    EXPECT_EQ(outcome.session.state, SessionState::kSucceeded);
    const uint64_t rejected = outcome.session.count(RecipientState::kRejected);
    EXPECT_EQ(outcome.session.count(kDelivered), 2 - rejected);
    // The spare descriptor takes one peer off the queue. Where it cannot be had
    // either, the peer waits.
    EXPECT_LE(rejected, descriptors ? 1u : 0u);
    for (const auto& [id, recipient] : outcome.recipients) {
      if (recipient.state == RecipientState::kRejected) {
        EXPECT_EQ(recipient.reason, Reason::kCapacity);
        EXPECT_EQ(outcome.peers.at(recipient.peer.port()).error, ECONNRESET);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Faults, AcceptFaultTest,
    testing::Combine(testing::Values(-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM,
                                     -ECONNABORTED, -EAGAIN, -EINVAL),
                     testing::Values(1, 2, 5)),
    [](const auto& info) {
      return std::string(strerrorname_np(-std::get<0>(info.param))) + "_" +
             std::to_string(std::get<1>(info.param));
    });

struct FileCase {
  const char* name;
  FileFault fault;
  bool stays_in_host;
};

class FileFaultTest : public testing::TestWithParam<FileCase> {};

TEST_P(FileFaultTest, AtEachRead) {
  int steps = 0;
  for (; steps < kMaxSteps; ++steps) {
    SCOPED_TRACE(testing::Message() << "step " << steps);
    FileFault fault = GetParam().fault;
    fault.first = steps;
    const auto file = std::make_shared<FaultyFile>(TheFile(), fault);
    FaultySockets sockets({.call = Call::kSend}, GetParam().stays_in_host);
    const Outcome outcome = Transfer(sockets, file);
    if (file->reads() <= steps) {
      EXPECT_EQ(outcome.session.state, SessionState::kSucceeded);
      break;
    }
    EXPECT_EQ(Name(outcome.session.state), Name(SessionState::kFailed));
    EXPECT_FALSE(outcome.session.error.empty());
    for (const auto& [id, recipient] : outcome.recipients) {
      // One may have had everything before the other met the fault.
      if (recipient.state == kDelivered) continue;
      EXPECT_EQ(Name(recipient.state), Name(kFailed));
      EXPECT_EQ(Name(recipient.reason), Name(Reason::kSourceFailed));
    }
  }
  EXPECT_GT(steps, 0) << "the fault was never injected";
}

INSTANTIATE_TEST_SUITE_P(
    Faults, FileFaultTest,
    testing::Values(
        FileCase{"Io", {.error = -EIO}, true},
        FileCase{"Shrunk", {.error = 0, .count = 100}, true},
        FileCase{"ColdIo", {.error = -EIO, .cold = true}, true},
        FileCase{"ColdStale", {.error = -ESTALE, .cold = true}, false},
        FileCase{
            "ColdShrunk", {.error = 0, .count = 100, .cold = true}, false}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(FaultTest, FileThatIsNotInMemoryIsReadAndSent) {
  const auto file =
      std::make_shared<FaultyFile>(TheFile(), FileFault{.cold = true});
  FaultySockets sockets({.call = Call::kSendFile}, /*stays_in_host=*/false);
  const Outcome outcome = Transfer(sockets, file);
  EXPECT_EQ(outcome.session.state, SessionState::kSucceeded);
  EXPECT_EQ(sockets.calls(), 0);
}

// A host that has answered nothing for long.
class SilentHost : public SocketApi {
 public:
  int Info(int, TcpInfo* info) override {
    *info = {.unanswered = 3, .last_ack_ms = 20'000};
    return 0;
  }
};

TEST(FaultTest, HostThatHasVanishedIsLost) {
  SilentHost sockets;
  OneSession one(FileOf(Content(24'000'001)), {}, {.sockets = &sockets});
  Peer peer(one.port());
  peer.Say(1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kConnectionLost);
}

TEST(FaultTest, HostMayBeSilentForAsLongAsItsOwnerSays) {
  SilentHost sockets;
  SessionOptions options;
  options.limits.dead_timeout = absl::Seconds(21);
  // Lost would be noticed before.
  options.limits.stall_timeout = absl::Seconds(4);
  OneSession one(FileOf(Content(24'000'001)), options, {.sockets = &sockets});
  Peer peer(one.port());
  peer.Say(1);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kFailed);
  EXPECT_EQ(one.recorder->recipient(1).reason, Reason::kStalled);
}

}  // namespace
}  // namespace tcptool::dataplane
