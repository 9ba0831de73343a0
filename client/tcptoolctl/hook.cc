#include "client/tcptoolctl/hook.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/tcptoolctl/render.h"
#include "messages/states.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr char kShell[] = "/bin/sh";

// "sessions/S" of "sessions/S/recipients/R".
absl::string_view SessionOf(absl::string_view name) {
  return name.substr(0, name.find("/recipients/"));
}

absl::Status Failed(absl::string_view what, int error) {
  return absl::UnknownError(absl::StrCat(what, ": ", std::strerror(error)));
}

// How a process has ended that waitpid(2) gave `status` for.
absl::Status EndOf(int status) {
  if (WIFSIGNALED(status)) {
    return absl::AbortedError(
        absl::StrCat("was killed by signal ", WTERMSIG(status)));
  }
  if (WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat("ended with status ", WEXITSTATUS(status)));
}

// How posix_spawn(3) is to set up the process.
class SpawnActions {
 public:
  SpawnActions() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null",
                                     O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, STDERR_FILENO, STDOUT_FILENO);
  }
  ~SpawnActions() { posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;

  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

}  // namespace

std::vector<std::string> EnvironmentOf(const v1::Recipient& recipient) {
  const auto reason = recipient.reason() == v1::RECIPIENT_REASON_UNSPECIFIED
                          ? std::string()
                          : ReasonName(recipient.reason());
  const std::pair<absl::string_view, std::string> variables[] = {
      {"SESSION", std::string(SessionOf(recipient.name()))},
      {"RECIPIENT", recipient.name()},
      {"ADDRESS", recipient.address()},
      {"IDENTITY", recipient.identity()},
      {"LABEL", recipient.label()},
      {"NODE", recipient.node()},
      {"STATE", StateName(recipient.state())},
      {"REASON", reason},
      {"DETAIL", recipient.detail()},
      {"ATTEMPT", absl::StrCat(recipient.attempt())},
      {"BYTES_SENT", absl::StrCat(recipient.bytes_sent())},
      {"BYTES_ACKED", absl::StrCat(recipient.bytes_acked())},
      {"BYTES_PER_SECOND", absl::StrCat(recipient.bytes_per_second())},
  };
  std::vector<std::string> lines;
  for (const auto& [name, value] : variables) {
    lines.push_back(absl::StrCat("TCPTOOL_", name, "=", Printable(value)));
  }
  return lines;
}

Hook::Hook(std::string command, std::function<void(const std::string&)> say)
    : command_(std::move(command)), say_(std::move(say)) {
  // Where it is ignored, as it may be from the start, nobody can be waited for.
  signal(SIGCHLD, SIG_DFL);
  for (int i = 0; i < kAtOnce; ++i) {
    threads_.emplace_back([this] { RunAll(); });
  }
}

Hook::~Hook() { Finish().IgnoreError(); }

void Hook::Run(const v1::Recipient& recipient) {
  absl::MutexLock lock(&mutex_);
  waiting_.push_back(recipient);
}

absl::Status Hook::Finish() {
  {
    absl::MutexLock lock(&mutex_);
    finishing_ = true;
  }
  threads_.clear();
  absl::MutexLock lock(&mutex_);
  if (failed_ == 0) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      failed_, " of ", run_, " commands failed; the first: ", first_failure_));
}

void Hook::RunAll() {
  while (true) {
    v1::Recipient recipient;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Hook::HasWork));
      if (waiting_.empty()) return;
      recipient = std::move(waiting_.front());
      waiting_.pop_front();
      ++run_;
    }
    const absl::Status status = RunOne(recipient);
    if (status.ok()) continue;
    const std::string what =
        absl::StrCat("that for ", Printable(recipient.name()), " (",
                     WhoIs(recipient), ") ", status.message());
    absl::MutexLock lock(&mutex_);
    if (++failed_ == 1) first_failure_ = what;
    say_(absl::StrCat("a command failed: ", what));
  }
}

absl::Status Hook::RunOne(const v1::Recipient& recipient) const {
  std::vector<std::string> lines = EnvironmentOf(recipient);
  std::vector<char*> environment;
  environment.reserve(lines.size());
  for (std::string& line : lines) environment.push_back(line.data());
  // Later ones of a name would count for some programs, earlier ones for
  // others.
  for (char** one = environ; *one != nullptr; ++one) {
    const absl::string_view line(*one);
    const absl::string_view name = line.substr(0, line.find('='));
    const bool is_ours =
        std::any_of(lines.begin(), lines.end(), [&](const std::string& ours) {
          return absl::StartsWith(ours, absl::StrCat(name, "="));
        });
    if (!is_ours) environment.push_back(*one);
  }
  environment.push_back(nullptr);
  std::string shell = kShell;
  std::string flag = "-c";
  std::string command = command_;
  char* arguments[] = {shell.data(), flag.data(), command.data(), nullptr};
  const SpawnActions actions;
  pid_t process = 0;
  const int error = posix_spawn(&process, kShell, actions.get(), nullptr,
                                arguments, environment.data());
  if (error != 0) return Failed("could not be started", error);
  int status = 0;
  while (waitpid(process, &status, 0) < 0) {
    if (errno != EINTR) return Failed("cannot be waited for", errno);
  }
  return EndOf(status);
}

}  // namespace tcptool
