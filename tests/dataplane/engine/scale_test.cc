// Many recipients and many sessions: that all are served, and what one that
// waits costs.
#include <gtest/gtest.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cstdlib>
#include <new>
#include <string>

#include "dataplane/content/stream_source.h"
#include "tests/dataplane/sending/connection.h"
#include "tests/dataplane/testing.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace {

// What operator new has handed out and not got back, with the allocator's own
// cost of each.
std::atomic<int64_t> allocated{0};

int64_t SizeOf(void* memory) {
  constexpr int64_t kHeader = sizeof(size_t);
  return static_cast<int64_t>(malloc_usable_size(memory)) + kHeader;
}

}  // namespace

// Not inlined: the compiler would take the pair for mismatched.
[[gnu::noinline]] void* operator new(size_t size) {
  void* memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  allocated += SizeOf(memory);
  return memory;
}

[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory == nullptr) return;
  allocated -= SizeOf(memory);
  std::free(memory);
}

void operator delete(void* memory, size_t) noexcept { operator delete(memory); }

namespace tcptool::dataplane {
namespace {

// Bounds of the product (docs/architecture.md).
constexpr size_t kRecipients = 10'000;
constexpr int64_t kBytesPerWaitingRecipient = 4096;
constexpr int64_t kBytesOfHandshakes = int64_t{1} << 30;

// What malloc() has handed out and not got back, OpenSSL's memory included.
int64_t MemoryInUse() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

// Descriptors that this process may have.
size_t DescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

// Another process, whose recipients connect, say their byte (or `says`), and
// read to the end. It counts those that got `size` bytes and an orderly end.
class Crowd {
 public:
  Crowd(uint16_t port, size_t count, size_t size,
        const std::string& says = std::string(1, '\0')) {
    if (pipe2(result_, O_CLOEXEC) != 0) abort();
    pid_ = fork();
    if (pid_ != 0) return;
    // What belongs to the parent would outlive its end of it.
    result_[1] = dup2(result_[1], STDERR_FILENO + 1);
    close_range(STDERR_FILENO + 2, ~0u, 0);
    std::vector<std::unique_ptr<Peer>> peers;
    for (size_t i = 0; i < count; ++i) {
      peers.push_back(std::make_unique<Peer>(port));
      for (const char byte : says) {
        peers.back()->Say(static_cast<unsigned char>(byte));
      }
    }
    const size_t complete = ReadAll(peers, size);
    _exit(write(result_[1], &complete, sizeof complete) == sizeof complete ? 0
                                                                           : 1);
  }
  ~Crowd() {
    close(result_[0]);
    close(result_[1]);
  }

  size_t Complete() {
    size_t complete = 0;
    waitpid(pid_, nullptr, 0);
    if (read(result_[0], &complete, sizeof complete) != sizeof complete) {
      return 0;
    }
    return complete;
  }

 private:
  // Reads all at the same time, as machines do: one that nobody reads from
  // would hold a stream up for all. How many got `size` bytes and an orderly
  // end.
  static size_t ReadAll(std::vector<std::unique_ptr<Peer>>& peers,
                        size_t size) {
    std::vector<pollfd> waiting;
    for (const auto& peer : peers) {
      waiting.push_back({.fd = peer->fd(), .events = POLLIN});
    }
    std::vector<size_t> got(peers.size());
    std::vector<char> buffer(size_t{1} << 16);
    size_t complete = 0;
    for (size_t left = peers.size(); left > 0;) {
      if (poll(waiting.data(), waiting.size(), -1) < 0) return 0;
      for (size_t i = 0; i < waiting.size(); ++i) {
        if (waiting[i].revents == 0) continue;
        const ssize_t read =
            recv(waiting[i].fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (read > 0) {
          got[i] += static_cast<size_t>(read);
          continue;
        }
        complete += read == 0 && got[i] == size;
        peers[i]->Close();
        waiting[i].fd = -1;  // poll(2) passes over it.
        --left;
      }
    }
    return complete;
  }

  int result_[2];
  pid_t pid_;
};

TEST(ScaleTest, TenThousandRecipientsWaitInLittleMemoryAndAreServed) {
  constexpr size_t kSize = 5'000;
  const size_t count = std::min(kRecipients, DescriptorLimit() - 200);
  OneSession one(FileOf(Content(kSize)));
  const int64_t before = allocated;
  Crowd crowd(one.port(), count, kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, count));
  // What the recorder remembers of each is among it.
  const int64_t each = (allocated - before) / static_cast<int64_t>(count);
  RecordProperty("bytes_per_waiting_recipient", std::to_string(each));
  EXPECT_GT(each, 0);
  EXPECT_LE(each, kBytesPerWaitingRecipient);
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(crowd.Complete(), count);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
  EXPECT_EQ(one.recorder->session().count(RecipientState::kDelivered), count);
}

TEST(ScaleTest, TenThousandHalfOpenHandshakesAreBoundedAndHoldUpNobody) {
  using std::string_literals::operator""s;
  // A record, and in it a ClientHello, of almost 16 KiB, of which no more
  // comes.
  const std::string begins = "\x16\x03\x01\x3f\xff\x01\x00\x3f\xfb\x03"s;
  constexpr size_t kSize = 5'000;
  const size_t count = std::min(kRecipients, DescriptorLimit() - 200) - 1;
  const TlsWorld world;
  SessionTls tls{.context = [context = world.Server()] { return context; }};
  SessionOptions options{.tls = std::make_shared<const SessionTls>(tls)};
  options.limits.handshake_timeout = absl::Hours(1);
  options.start.immediate = true;
  OneSession one(FileOf(Content(kSize)), std::move(options));
  const int64_t before = MemoryInUse();
  const auto used = [before] { return MemoryInUse() - before; };
  Crowd crowd(one.port(), count, kSize, begins);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kHandshaking, count));
  // OpenSSL has room for each one's ClientHello once that has begun.
  ASSERT_TRUE(Eventually(
      [&] { return used() > static_cast<int64_t>(count * (20 << 10)); }));
  TlsPeer good(one.port(), world.Client());
  ASSERT_TRUE(good.Handshake());
  ASSERT_TRUE(good.Say(std::string(1, '\0')));
  EXPECT_TRUE(good.ReadAndClose().whole);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kDelivered, 1));
  EXPECT_EQ(one.recorder->session().count(RecipientState::kHandshaking), count);
  RecordProperty("bytes_per_half_open_handshake",
                 std::to_string(used() / static_cast<int64_t>(count)));
  EXPECT_LE(used(), kBytesOfHandshakes);
  ASSERT_TRUE(one.Call(&Session::Cancel).ok());
  EXPECT_EQ(crowd.Complete(), 0u);  // Each was reset.
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kCancelled);
  EXPECT_TRUE(one.recorder->WaitForCount(RecipientState::kFailed, count));
  // What the recorder remembers of each is among it.
  EXPECT_TRUE(Eventually([&] {
    return used() < static_cast<int64_t>(count) * 2 * kBytesPerWaitingRecipient;
  }));
}

TEST(ScaleTest, ThousandRecipientsOfAStream) {
  constexpr size_t kCount = 1000;
  constexpr size_t kBlock = 10'000;
  constexpr size_t kBlocks = 50;
  auto source = std::make_shared<StreamSource>(5 * kBlock);
  OneSession one(source);
  Crowd crowd(one.port(), kCount, kBlocks * kBlock);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, kCount));
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  const auto data = std::make_shared<std::string>(kBlock, 'x');
  for (size_t i = 0; i < kBlocks && source->WaitForRoom(); ++i) {
    source->Append({.owner = data, .data = std::as_bytes(std::span(*data))});
  }
  source->End();
  EXPECT_EQ(crowd.Complete(), kCount);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(ScaleTest, RateIsSharedByMany) {
  constexpr size_t kCount = 500;
  constexpr size_t kSize = 50'000;
  SessionOptions options;
  options.limits.session_bytes_per_second = 50'000'000;
  OneSession one(FileOf(Content(kSize)), options);
  Crowd crowd(one.port(), kCount, kSize);
  ASSERT_TRUE(one.recorder->WaitForCount(RecipientState::kReady, kCount));
  ASSERT_TRUE(one.Call(&Session::Start).ok());
  EXPECT_EQ(crowd.Complete(), kCount);
  EXPECT_EQ(one.recorder->WaitForEnd(), SessionState::kSucceeded);
}

TEST(ScaleTest, ThousandSessionsOnOneEngine) {
  constexpr size_t kSize = 5'000;
  const size_t count = std::min<size_t>(1000, DescriptorLimit() / 8);
  const auto file =
      RandomAccessFile::FromDescriptor(MemoryFile(Content(kSize)).release());
  Engine engine({});
  std::vector<std::shared_ptr<Session>> sessions;
  std::vector<std::shared_ptr<Recorder>> recorders;
  for (size_t i = 0; i < count; ++i) {
    SessionOptions options;
    options.bind_address = asio::ip::address_v4::loopback();
    recorders.push_back(std::make_shared<Recorder>());
    auto session = engine.CreateSession(
        options, *FileSource::Create(file, 0, std::nullopt), recorders.back());
    ASSERT_TRUE(session.ok()) << session.status();
    sessions.push_back(*std::move(session));
  }
  std::vector<std::unique_ptr<Peer>> peers;
  for (const auto& session : sessions) {
    peers.push_back(std::make_unique<Peer>(session->data_endpoint().port()));
    peers.back()->Say(1);
  }
  for (size_t i = 0; i < count; ++i) {
    EXPECT_EQ(peers[i]->ReadAndClose().data.size(), kSize);
    EXPECT_EQ(recorders[i]->WaitForEnd(), SessionState::kSucceeded);
  }
}

// In a process of its own, which has few descriptors: those who come when there
// are none left are turned away, and those that are there are served.
TEST(ScaleTest, OutOfDescriptorsIsCapacity) {
  constexpr size_t kSize = 5'000;
  const pid_t server = fork();
  ASSERT_GE(server, 0);
  if (server == 0) {
    OneSession one(FileOf(Content(kSize)));
    const auto early = one.ReadyPeer();
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < 20; ++i) {
      peers.push_back(std::make_unique<Peer>(one.port()));
    }
    if (!one.recorder->WaitForCount(RecipientState::kHandshaking, 20)) _exit(2);
    // Sockets that exist already, and a limit below the next descriptor.
    UniqueFd late_socket = Peer::Unconnected();
    UniqueFd later_socket = Peer::Unconnected();
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const int next = dup(0);
    close(next);
    limit.rlim_cur = next;
    setrlimit(RLIMIT_NOFILE, &limit);
    Peer late(std::move(late_socket), one.port());
    Peer later(std::move(later_socket), one.port());
    if (!one.recorder->WaitForCount(RecipientState::kRejected, 2)) _exit(3);
    if (late.Read().error != ECONNRESET) _exit(4);
    for (const auto& [id, recipient] : one.recorder->recipients()) {
      if (recipient.state == RecipientState::kRejected &&
          recipient.reason != Reason::kCapacity) {
        _exit(5);
      }
    }
    for (const auto& peer : peers) peer->Close();
    if (!one.Call(&Session::Start).ok()) _exit(6);
    if (early->ReadAndClose().data.size() != kSize) _exit(7);
    if (one.recorder->WaitForEnd() != SessionState::kSucceeded) _exit(8);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(server, &status, 0), server);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace tcptool::dataplane
