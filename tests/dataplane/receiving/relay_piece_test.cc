// A piece of a content that is relayed costs no memory and no lock: whoever it
// goes to, and whichever lanes these are on.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tests/dataplane/receiving/receptions.h"

namespace {

// Calls of the allocator, and locks of Abseil's, which are all that this
// project has, by all threads.
std::atomic<uint64_t> allocations{0};
std::atomic<uint64_t> locks{0};

}  // namespace

// operator new and asio use it.
extern "C" {

void* __libc_malloc(size_t size);  // NOLINT

void* malloc(size_t size) noexcept {
  ++allocations;
  return __libc_malloc(size);
}

}  // extern "C"

// These stand before the library's own when symbols are looked up (ld.so(8)).
namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

using Take = void (*)(Mutex*);

// The library's function of this mangled name.
Take Next(const char* symbol) {
  return reinterpret_cast<Take>(dlsym(RTLD_NEXT, symbol));
}

}  // namespace

void Mutex::Lock() {
  static const Take next = Next("_ZN4absl7debian35Mutex4LockEv");
  ++locks;
  next(this);
}

void Mutex::ReaderLock() {
  static const Take next = Next("_ZN4absl7debian35Mutex10ReaderLockEv");
  ++locks;
  next(this);
}

ABSL_NAMESPACE_END
}  // namespace absl

namespace tcptool::dataplane {
namespace {

constexpr size_t kPiece = 4096;
// Less, so that each piece is some whole segments: the session's sockets wait
// with what does not fill one.
constexpr int kSegment = 1024;
// Fewer than a block has, and over before the next timer of the service, also
// on a busy machine.
constexpr size_t kInARow = 16;
constexpr size_t kLanes = 2;

class RelayPieceTest : public testing::Test {
 protected:
  // On each lane one that is given what is verified, and one, as other nodes
  // are, that is given what has come.
  void SetUp() override {
    for (const auto level :
         {Spool::Level::kVerified, Spool::Level::kReceived}) {
      SessionOptions options;
      options.bind_address = asio::ip::address_v4::loopback();
      options.start.immediate = true;
      const auto session = one_.engine().CreateSession(
          options, one_.reception().OpenSource(level),
          std::make_shared<Recorder>());
      ASSERT_TRUE(session.ok()) << session.status();
      for (size_t i = 0; i < kLanes; ++i) {
        UniqueFd socket = Peer::Unconnected();
        setsockopt(socket.get(), IPPROTO_TCP, TCP_MAXSEG, &kSegment,
                   sizeof kSegment);
        peers_.push_back(std::make_unique<Peer>(
            std::move(socket), (*session)->data_endpoint().port()));
        peers_.back()->Say(0);
      }
    }
    sender_.AcceptAndReadByte();
    ASSERT_TRUE(sender_.Send(piece_));
  }

  // A piece comes, and all are given the one before. Costs nothing itself.
  bool Relay() {
    if (!sender_.Send(piece_)) return false;
    for (const auto& peer : peers_) {
      if (recv(peer->fd(), buffer_.data(), kPiece, MSG_WAITALL) !=
          static_cast<ssize_t>(kPiece)) {
        return false;
      }
    }
    return true;
  }

  const Folder folder_;
  ScriptedSender sender_;
  OneReception one_{sender_.Upstream(), folder_, {}, {.lanes = kLanes}};
  std::vector<std::unique_ptr<Peer>> peers_;
  const std::string piece_ = Content(kPiece);
  std::array<std::byte, kPiece> buffer_;
};

TEST_F(RelayPieceTest, CostsNoMemoryAndNoLock) {
  // A block costs some, and so does what happens a few times a second.
  const absl::Time limit = absl::Now() + kDeadline;
  size_t in_a_row = 0;
  while (in_a_row < kInARow && absl::Now() < limit) {
    const uint64_t allocated = allocations;
    const uint64_t locked = locks;
    ASSERT_TRUE(Relay());
    in_a_row = allocations == allocated && locks == locked ? in_a_row + 1 : 0;
  }
  EXPECT_EQ(in_a_row, kInARow);
  EXPECT_GT(allocations, 0u) << "Nothing is counted.";
  EXPECT_GT(locks, 0u) << "Nothing is counted.";
}

}  // namespace
}  // namespace tcptool::dataplane
