#include "server/sessions/content_roots.h"

#include <future>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "server/api/errors.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

// A root's name has letters, digits and a few marks: it is the first part of
// ROOT/PATH on command lines.
bool IsName(absl::string_view name) {
  return !name.empty() &&
         name.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
             "._-") == absl::string_view::npos;
}

}  // namespace

absl::Status ContentRoots::Begin(absl::string_view name_and_directory) {
  const size_t equals = name_and_directory.find('=');
  const std::string name(name_and_directory.substr(0, equals));
  if (equals == absl::string_view::npos || !IsName(name)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "root \"", name_and_directory,
        "\": write it as NAME=DIR; a name has letters, digits, '.', '_', '-'"));
  }
  const auto [added, is_new] = roots_.try_emplace(
      name, Root{.root = std::make_shared<const ContentRoot>(
                     name, std::string(name_and_directory.substr(equals + 1)),
                     method_),
                 .worker = std::make_unique<DiskWorker>(deadline_)});
  if (!is_new) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag_, ": root \"", name, "\" is given twice"));
  }
  const auto checked = std::make_shared<std::promise<absl::Status>>();
  begun_.emplace_back(name, checked->get_future());
  Run<bool>(
      name,
      [](const ContentRoot& root) -> absl::StatusOr<bool> {
        absl::Status status = root.Check();
        if (!status.ok()) return status;
        return true;
      },
      [checked](const absl::StatusOr<bool>& result) {
        checked->set_value(result.status());
      });
  return absl::OkStatus();
}

absl::Status ContentRoots::Finish() {
  absl::Status first;
  for (auto& [name, checked] : begun_) {
    const absl::Status status = checked.get();
    if (absl::IsUnavailable(status)) {
      LogWarning("root_does_not_answer", {{"root", name}});
    } else {
      first.Update(status);
    }
  }
  begun_.clear();
  return first;
}

absl::Status ContentRoots::Add(absl::string_view name_and_directory) {
  absl::Status status = Begin(name_and_directory);
  status.Update(Finish());
  return status;
}

absl::StatusOr<const ContentRoots::Root*> ContentRoots::Find(
    const std::string& name) const {
  const auto found = roots_.find(name);
  if (found != roots_.end()) return &found->second;
  const std::string known =
      absl::StrJoin(roots_, ", ", [](std::string* out, const auto& entry) {
        absl::StrAppend(out, entry.first);
      });
  return NotFound(
      v1::ERROR_REASON_ROOT_NOT_FOUND, kRootType, name,
      absl::StrCat("the service has no root \"", name, "\"; ",
                   known.empty() ? absl::StrCat("it has none: start it with ",
                                                flag_, " NAME=DIR")
                                 : absl::StrCat("it has: ", known)));
}

absl::Status ContentRoots::NoAnswer(absl::string_view name,
                                    DiskWorker::Failure failure) {
  if (failure == DiskWorker::Failure::kNoThread) {
    return Exhausted(
        v1::ERROR_REASON_SYSTEM_LIMIT, "threads",
        absl::StrCat(
            "the system gives the service no thread for root \"", name,
            "\"; raise its limit of tasks (TasksMax=, a container's limit of "
            "pids)"));
  }
  return Unavailable(
      v1::ERROR_REASON_ROOT_DOES_NOT_ANSWER,
      absl::StrCat("the file system of root \"", name,
                   "\" does not answer; try again when it is back"));
}

void ContentRoots::GetSpaces(
    const std::function<void(std::vector<Space>)>& done) const {
  struct Gathering {
    absl::Mutex mutex;
    std::vector<Space> spaces;
    size_t missing;
  };
  auto gathering = std::make_shared<Gathering>();
  for (const auto& [name, root] : roots_) {
    gathering->spaces.push_back({.name = name});
  }
  gathering->missing = roots_.size();
  if (roots_.empty()) return done({});
  size_t index = 0;
  for (const auto& [name, root] : roots_) {
    Run<ContentRoot::Space>(
        name,
        [](const ContentRoot& content) -> absl::StatusOr<ContentRoot::Space> {
          return content.GetSpace();
        },
        [gathering, done,
         index](const absl::StatusOr<ContentRoot::Space>& space) {
          {
            absl::MutexLock lock(&gathering->mutex);
            if (space.ok()) gathering->spaces[index].space = *space;
            if (--gathering->missing > 0) return;
          }
          done(std::move(gathering->spaces));
        });
    ++index;
  }
}

void ContentRoots::AnswerPending() const {
  for (const auto& [name, root] : roots_) root.worker->AnswerPending();
}

}  // namespace tcptool::server
