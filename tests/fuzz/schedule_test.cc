// Sessions under random options, peers that do anything a peer can do, an owner
// that interferes, and system calls that fail: whatever the order, a session
// comes to its end, its account is whole, and no peer takes a part for the
// whole. The seed is printed; TCPTOOL_SEED=N runs one of them again.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "dataplane/content/stream_source.h"
#include "dataplane/sending/socket_options.h"
#include "tests/dataplane/faults.h"
#include "tests/dataplane/testing.h"

namespace tcptool::dataplane {
namespace {

constexpr int kSchedules = 40;
constexpr size_t kMaxSize = 3'000'000;

class Random {
 public:
  explicit Random(uint64_t seed) : bits_(seed) {}
  // 0 to `bound` - 1.
  uint64_t Below(uint64_t bound) { return bits_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

 private:
  std::mt19937_64 bits_;
};

// Fails one call in so many.
class UnreliableSockets : public SocketApi {
 public:
  UnreliableSockets(uint64_t seed, uint64_t one_in)
      : random_(seed), one_in_(one_in) {}

  int Accept(int listener, sockaddr_storage* peer, socklen_t* size) override {
    static constexpr int kErrors[] = {-EMFILE, -ENOBUFS, -ECONNABORTED};
    const int error = Fault(kErrors);
    return error != 0 ? error : SocketApi::Accept(listener, peer, size);
  }
  ssize_t Receive(int socket, std::span<std::byte> buffer) override {
    static constexpr int kErrors[] = {-EAGAIN, -ECONNRESET};
    const int error = Fault(kErrors);
    return error != 0 ? error : SocketApi::Receive(socket, buffer);
  }
  ssize_t Peek(int socket, std::span<std::byte> buffer) override {
    static constexpr int kErrors[] = {-EAGAIN, -ETIMEDOUT};
    const int error = Fault(kErrors);
    return error != 0 ? error : SocketApi::Peek(socket, buffer);
  }
  ssize_t Send(int socket, std::span<const std::byte> data) override {
    static constexpr int kErrors[] = {-EAGAIN, -ENOBUFS, -EPIPE, -ECONNRESET};
    const int error = Fault(kErrors);
    return error != 0 ? error : SocketApi::Send(socket, data);
  }
  int ShutdownWrite(int socket) override {
    static constexpr int kErrors[] = {-ENOTCONN};
    const int error = Fault(kErrors);
    return error != 0 ? error : SocketApi::ShutdownWrite(socket);
  }

 private:
  int Fault(std::span<const int> errors) {
    if (one_in_ == 0) return 0;
    absl::MutexLock lock(&mutex_);
    return random_.OneIn(one_in_) ? errors[random_.Below(errors.size())] : 0;
  }

  absl::Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
  const uint64_t one_in_;
};

// One peer's life, on a thread of its own.
void Live(uint16_t port, uint64_t seed, const std::string& content) {
  Random random(seed);
  Peer peer(port, random.OneIn(3) ? 4096 : 0);
  if (!peer.connected()) return;
  // A reset that does not reach a peer with nothing to send leaves it connected
  // to nobody. Its keepalive's probes are answered by another one.
  EnableKeepalive(peer.fd(), absl::Seconds(60));
  timeval patience{.tv_sec = 0, .tv_usec = 200'000};
  if (random.OneIn(8)) return peer.Reset();
  if (!random.OneIn(6)) peer.Say(static_cast<unsigned char>(random.Below(256)));
  if (random.OneIn(6)) peer.Say(0xff);
  if (random.OneIn(4)) peer.HalfClose();
  if (random.OneIn(8)) return peer.Reset();
  const bool reads_all = !random.OneIn(3);
  const size_t size = reads_all ? ~size_t{0} : random.Below(kMaxSize);
  if (!reads_all) {
    setsockopt(peer.fd(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  const Peer::Result result = peer.Read(size);
  EXPECT_TRUE(content.starts_with(result.data));
  if (result.error == 0 && result.data.size() < size) {
    EXPECT_EQ(result.data.size(), content.size()) << "an orderly end";
  }
  if (random.OneIn(2)) peer.Reset();
}

SessionOptions RandomOptions(Random& random, bool rereadable) {
  SessionOptions options;
  options.start.immediate = rereadable && random.OneIn(5);
  options.start.ignore_start_byte = random.OneIn(4);
  if (random.OneIn(3)) {
    options.max_recipients = 1 + static_cast<uint32_t>(random.Below(8));
  }
  if (random.OneIn(3)) {
    options.start.max_wait = absl::Milliseconds(random.Below(100));
    options.start.min_recipients = static_cast<uint32_t>(random.Below(4));
  }
  for (uint64_t i = random.Below(4); i > 0; --i) {
    options.expected.push_back({random.OneIn(3)
                                    ? asio::ip::make_address("192.0.2.1")
                                    : asio::ip::address_v4::loopback(),
                                "expected"});
  }
  if (random.OneIn(6)) {
    EXPECT_TRUE(options.allow.Add("127.0.0.1").ok());
  }
  options.limits.handshake_timeout = absl::Milliseconds(50 + random.Below(200));
  options.limits.stall_timeout = absl::Milliseconds(100 + random.Below(400));
  options.limits.acknowledge_timeout =
      absl::Milliseconds(100 + random.Below(400));
  options.limits.confirm_timeout = absl::Milliseconds(100 + random.Below(400));
  if (random.OneIn(3)) options.limits.max_lag_bytes = 1 + random.Below(1 << 20);
  if (random.OneIn(4)) options.limits.session_bytes_per_second = 20'000'000;
  if (random.OneIn(4)) options.limits.recipient_bytes_per_second = 20'000'000;
  if (random.OneIn(4)) options.expire_after = absl::Milliseconds(300);
  options.compute_sha256 = random.OneIn(2);
  return options;
}

void Interfere(Random& random, OneSession& one) {
  switch (random.Below(6)) {
    case 0:
      one.session().Start([](const absl::Status&) {});
      break;
    case 1:
      one.session().Drop(1 + random.Below(12), [](const absl::Status&) {});
      break;
    case 2:
      if (random.OneIn(4)) one.session().Cancel([](const absl::Status&) {});
      break;
    case 3:
      if (random.OneIn(8)) {
        one.session().FailSource(absl::DataLossError("it broke off"));
      }
      break;
    default:
      std::this_thread::yield();
  }
}

void CheckAccount(Recorder& recorder) {
  const SessionStatus session = recorder.session();
  EXPECT_TRUE(IsFinal(session.state)) << Name(session.state);
  std::array<uint64_t, kRecipientStates> counts{};
  uint64_t acked = 0;
  for (const auto& [id, recipient] : recorder.recipients()) {
    ++counts[static_cast<size_t>(recipient.state)];
    acked += recipient.bytes_acked;
    EXPECT_TRUE(IsFinal(recipient.state) ||
                recipient.state == RecipientState::kExpected)
        << id << " is " << Name(recipient.state);
    EXPECT_LE(recipient.bytes_acked, recipient.bytes_sent);
    if (recipient.state == RecipientState::kDelivered) {
      EXPECT_EQ(recipient.bytes_sent, *session.content_length);
      EXPECT_EQ(recipient.reason, Reason::kNone);
    }
    if (recipient.state == RecipientState::kFailed ||
        recipient.state == RecipientState::kRejected) {
      EXPECT_NE(recipient.reason, Reason::kNone);
      EXPECT_NE(recipient.detail, "");
    }
  }
  EXPECT_EQ(session.counts, counts);
  EXPECT_EQ(session.bytes_acked, acked);
  const uint64_t delivered = session.count(RecipientState::kDelivered);
  if (session.state == SessionState::kSucceeded ||
      session.state == SessionState::kPartiallySucceeded) {
    EXPECT_GT(delivered, 0u);
  }
  EXPECT_EQ(session.state == SessionState::kFailed, !session.error.empty());
}

void RunSchedule(uint64_t seed) {
  Random random(seed);
  const std::string content = Content(random.Below(kMaxSize));
  UnreliableSockets sockets(random.Below(~0u),
                            random.OneIn(2) ? 0 : 20 + random.Below(200));
  const bool stream = random.OneIn(2);
  std::shared_ptr<StreamSource> source;
  if (stream) source = std::make_shared<StreamSource>(size_t{1} << 20);
  OneSession one(stream ? std::shared_ptr<Source>(source) : FileOf(content),
                 RandomOptions(random, !stream),
                 {.lanes = 1 + random.Below(3), .sockets = &sockets});
  std::vector<std::thread> threads;
  if (stream) {
    threads.emplace_back([&source, &content, breaks = random.OneIn(6),
                          piece = 1 + random.Below(300'000)] {
      auto all = std::make_shared<std::string>(content);
      const auto bytes = std::as_bytes(std::span(*all));
      for (size_t at = 0; at < bytes.size(); at += piece) {
        if (!source->WaitForRoom()) return;
        if (breaks && at > bytes.size() / 2) {
          return source->Fail(absl::DataLossError("it broke off"));
        }
        source->Append(
            {.owner = all,
             .data = bytes.subspan(at, std::min(piece, bytes.size() - at))});
      }
      source->End();
    });
  }
  for (uint64_t i = 1 + random.Below(8); i > 0; --i) {
    threads.emplace_back(Live, one.port(), random.Below(~0u),
                         std::cref(content));
    if (random.OneIn(2)) Interfere(random, one);
  }
  for (int i = 0; i < 20; ++i) Interfere(random, one);
  if (random.OneIn(4)) one.engine().Stop();
  // Nobody may be left to start it.
  const absl::Time patience = absl::Now() + absl::Milliseconds(300);
  while (!IsFinal(one.recorder->session().state) && absl::Now() < patience) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(one.Call(&Session::Cancel).ok());
  one.recorder->WaitForEnd();
  for (std::thread& thread : threads) thread.join();
  CheckAccount(*one.recorder);
}

TEST(ScheduleTest, EndsWithAWholeAccount) {
  const char* given = std::getenv("TCPTOOL_SEED");
  const uint64_t first =
      given != nullptr ? std::strtoull(given, nullptr, 10)
                       : static_cast<uint64_t>(absl::ToUnixMicros(absl::Now()));
  for (uint64_t seed = first;
       seed < first + (given != nullptr ? 1 : kSchedules); ++seed) {
    // At once, for a schedule that never ends.
    std::cout << "TCPTOOL_SEED=" << seed << std::endl;
    RunSchedule(seed);
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace tcptool::dataplane
