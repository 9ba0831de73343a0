// Removes from the writable roots what receptions have left there.
#ifndef TCPTOOL_SERVER_RECEPTIONS_PARTIAL_SWEEPER_H_
#define TCPTOOL_SERVER_RECEPTIONS_PARTIAL_SWEEPER_H_

#include <asio/any_io_executor.hpp>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/receptions/destination.h"
#include "server/sessions/content_roots.h"
#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// Used on the one thread of its executor. Waits for no disk; what it cannot
// remove is in the log.
class PartialSweeper {
 public:
  // Of each root and directory below it.
  using Everywhere = std::map<std::pair<std::string, std::string>, PartialIds>;

  // `roots` outlive it.
  PartialSweeper(asio::any_io_executor executor, const ContentRoots& roots)
      : executor_(std::move(executor)), roots_(roots) {}

  // Of all receptions of the previous run. Those that go on keep their files in
  // all directories, as a directory may have several paths; here and later.
  void SweepAll(const Everywhere& everywhere);
  // Removes the files of one reception, which does not go on.
  void Remove(const std::string& root, const std::string& directory,
              const std::string& partial_id);
  // Of the directory that a new reception goes into: what a database that was
  // lost has left there.
  void SweepFor(const v1::Reception& reception);

 private:
  using Removed = std::function<void(const absl::StatusOr<size_t>&)>;

  void Run(
      const std::string& root, const std::string& directory, PartialIds ids,
      Removed done = [](const auto&) {});

  const asio::any_io_executor executor_;
  const ContentRoots& roots_;
  std::set<std::string> going_on_;
  // Roots in which SweepFor() is under way, or hangs: once at a time in each.
  std::set<std::string> swept_roots_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RECEPTIONS_PARTIAL_SWEEPER_H_
