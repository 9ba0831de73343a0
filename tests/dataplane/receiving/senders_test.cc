// Receptions from real programs: those that send whole contents, and those that
// are killed while they do.
//
// usage: senders_test TCPTOOL MODEL_SENDER
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>

#include <csignal>

#include "tests/dataplane/receiving/receptions.h"

namespace tcptool::dataplane {
namespace {

std::string tcptool;
std::string model_sender;

// A port that nobody has, and that nobody is given for a while: the kernel's
// own choices go round.
uint16_t FreePort() { return ScriptedSender().port(); }

// A program and its children, which are killed at the end.
class Program {
 public:
  explicit Program(const std::vector<std::string>& arguments) {
    std::vector<char*> pointers;
    for (const std::string& argument : arguments) {
      pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    EXPECT_EQ(posix_spawnp(&pid_, pointers[0], nullptr, &attributes,
                           pointers.data(), environ),
              0)
        << arguments[0];
    posix_spawnattr_destroy(&attributes);
  }
  ~Program() { Kill(); }

  void Kill() {
    if (pid_ <= 0) return;
    kill(-pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  // Its exit status.
  int Wait() {
    int status = 0;
    waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

struct Sender {
  const char* name;
  // With FILE and PORT in place of these.
  std::string command;
  // Whether the kernel tells when it is killed, and does not end in order for
  // it.
  bool resets_when_killed;
};

class SendersTest : public testing::TestWithParam<Sender> {
 protected:
  std::unique_ptr<Program> Start(const std::string& file, uint16_t port) {
    std::string command = "exec " + GetParam().command;
    for (const auto& [name, value] :
         {std::pair<std::string, std::string>("TCPTOOL", tcptool),
          {"MODEL", model_sender},
          {"FILE", file},
          {"PORT", std::to_string(port)}}) {
      if (const size_t at = command.find(name); at != std::string::npos) {
        command.replace(at, name.size(), value);
      }
    }
    return std::make_unique<Program>(
        std::vector<std::string>{"sh", "-c", command});
  }
  static std::unique_ptr<Upstream> From(uint16_t port) {
    return std::make_unique<SenderUpstream>(
        SenderOptions{.target = {.host = "127.0.0.1",
                                 .port = std::to_string(port),
                                 .wait = kDeadline},
                      .start = true});
  }

  const Folder folder_;
};

INSTANTIATE_TEST_SUITE_P(
    OfAllKinds, SendersTest,
    testing::Values(
        Sender{"tcptool", "TCPTOOL -s PORT FILE", true},
        Sender{"model", "MODEL PORT 1 FILE", false},
        Sender{"nc_openbsd", "nc.openbsd -N -l 127.0.0.1 PORT <FILE", false},
        Sender{"nc_traditional",
               "nc.traditional -q 0 -l -s 127.0.0.1 -p PORT <FILE", false},
        Sender{"socat",
               "socat SYSTEM:\"cat FILE\" TCP-LISTEN:PORT,bind=127.0.0.1",
               false}),
    [](const auto& info) { return info.param.name; });

TEST_P(SendersTest, WholeContentIsReceived) {
  const std::string content = Content(5 * kManifestBlock + 321);
  folder_.Put("sent", content);
  const uint16_t port = FreePort();
  const auto sender = Start(folder_.path("sent"), port);
  OneReception one(From(port), folder_);
  EXPECT_EQ(one.recorder->WaitForEnd().state, ReceptionState::kSucceeded)
      << one.recorder->status().detail;
  EXPECT_TRUE(folder_.Get("content") == content);
  EXPECT_TRUE(!GetParam().resets_when_killed || sender->Wait() == 0);
}

// It may end in order, as the kernel does for a program that is killed: then
// the length tells.
TEST_P(SendersTest, PartOfAKilledOneIsNotTakenForWhole) {
  const std::string content = Content(64 << 20);
  folder_.Put("sent", content);
  folder_.Put("content", "old");
  const uint16_t port = FreePort();
  const auto sender = Start(folder_.path("sent"), port);
  ReceptionOptions options;
  options.destination.overwrite = true;
  if (!GetParam().resets_when_killed) options.expected_length = content.size();
  // The disk takes nothing until it is killed: it cannot have sent all.
  absl::Notification killed;
  FaultyFiles files([&killed](FaultyFiles::Call call) {
    if (call == FaultyFiles::Call::kWrite) killed.WaitForNotification();
    return 0;
  });
  OneReception one(From(port), folder_, std::move(options), {.files = &files});
  ASSERT_TRUE(one.recorder->WaitForBytes(kManifestBlock));
  sender->Kill();
  killed.Notify();
  const ReceptionStatus status = one.recorder->WaitForEnd();
  EXPECT_EQ(status.state, ReceptionState::kFailed);
  one.Finish();
  EXPECT_EQ(folder_.Names(), (std::set<std::string>{"content", "sent"}));
  EXPECT_EQ(folder_.Get("content"), "old");
}

}  // namespace
}  // namespace tcptool::dataplane

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 3) return 2;
  tcptool::dataplane::tcptool = argv[1];
  tcptool::dataplane::model_sender = argv[2];
  return RUN_ALL_TESTS();
}
