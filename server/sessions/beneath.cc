#include "server/sessions/beneath.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <optional>
#include <utility>
#include <vector>

namespace tcptool::server {
namespace {

using dataplane::UniqueFd;

constexpr int kFind = O_PATH | O_CLOEXEC;
constexpr int kDirectory = kFind | O_DIRECTORY | O_NOFOLLOW;
// As many as Linux follows for a path.
constexpr int kMaxLinks = 40;

UniqueFd Openat2(int directory, const char* path) {
  const open_how how = {
      .flags = kFind,
      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
  };
  return UniqueFd(static_cast<int>(
      syscall(SYS_openat2, directory, path, &how, sizeof how)));
}

UniqueFd Failed(int error) {
  errno = error;
  return {};
}

// Where the link `name` leads, or, if that is empty, the one that `fd` is
// itself; nothing if it is no link.
std::optional<std::string> ReadLink(int fd, const std::string& name) {
  char target[PATH_MAX];
  const ssize_t size = readlinkat(fd, name.c_str(), target, sizeof target);
  if (size < 0) return std::nullopt;
  return std::string(target, static_cast<size_t>(size));
}

// A path that is walked part by part. Only directories are entered, and each by
// its name in the one before it: never by "..", which leads elsewhere if that
// directory is moved meanwhile.
class Walk {
 public:
  Walk(int root, std::string path) : root_(root), rest_(std::move(path)) {}

  UniqueFd Find() {
    if (rest_.empty()) return Failed(ENOENT);
    if (rest_.size() >= PATH_MAX) return Failed(ENAMETOOLONG);
    if (!Enter(".")) return {};
    while (!rest_.empty()) {
      if (rest_.front() == '/') return Failed(EXDEV);
      const size_t slash = rest_.find('/');
      const std::string name = rest_.substr(0, slash);
      if (name == "..") {
        if (!LeaveDirectory()) return {};
      } else if (name != ".") {
        const bool last = slash == std::string::npos;
        UniqueFd next(openat(here_.get(), name.c_str(),
                             last ? kFind | O_NOFOLLOW : kDirectory));
        const int error = errno;
        std::optional<std::string> target;
        if (next.valid() && last) target = ReadLink(next.get(), "");
        // A link is no directory.
        if (!next.valid() && error == ENOTDIR) {
          target = ReadLink(here_.get(), name);
        }
        if (target.has_value()) {
          if (++links_ > kMaxLinks) return Failed(ELOOP);
          rest_.replace(0, name.size(), *target);
          continue;
        }
        if (!next.valid()) return Failed(error);
        if (last) return next;
        here_ = std::move(next);
        names_.push_back(name);
      }
      rest_.erase(0,
                  std::min(rest_.find_first_not_of('/', slash), rest_.size()));
    }
    return std::move(here_);
  }

 private:
  // Goes to the directory `name` of the one that it is in, or to the root.
  bool Enter(const char* name) {
    here_ =
        UniqueFd(openat(here_.valid() ? here_.get() : root_, name, kDirectory));
    return here_.valid();
  }

  // Walks from the root again, to the directory before this one.
  bool LeaveDirectory() {
    if (names_.empty()) {
      errno = EXDEV;
      return false;
    }
    names_.pop_back();
    here_ = UniqueFd();
    if (!Enter(".")) return false;
    for (const std::string& name : names_) {
      if (!Enter(name.c_str())) return false;
    }
    return true;
  }

  const int root_;
  UniqueFd here_;
  std::vector<std::string> names_;  // From the root to `here_`.
  std::string rest_;
  int links_ = 0;
};

}  // namespace

BeneathMethod ChooseBeneathMethod() {
  return Openat2(AT_FDCWD, ".").valid() ? BeneathMethod::kOpenat2
                                        : BeneathMethod::kSteps;
}

absl::string_view BeneathMethodName(BeneathMethod method) {
  return method == BeneathMethod::kOpenat2 ? "openat2" : "steps";
}

UniqueFd FindBeneath(BeneathMethod method, int directory,
                     const std::string& path) {
  // The kernel would find what is before it.
  if (path.find('\0') != std::string::npos) return Failed(EINVAL);
  if (method == BeneathMethod::kOpenat2) {
    UniqueFd found = Openat2(directory, path.c_str());
    // The kernel says ELOOP of its own links too, as those of procfs, which
    // lead out: the walk tells which it is.
    if (found.valid() || errno != ELOOP) return found;
  }
  return Walk(directory, path).Find();
}

}  // namespace tcptool::server
