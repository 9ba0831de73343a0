#include "server/receptions/partial_sweeper.h"

#include <asio/post.hpp>

#include "absl/status/status.h"
#include "server/api/reception_spec.h"
#include "server/base/log.h"

namespace tcptool::server {

void PartialSweeper::SweepAll(const Everywhere& everywhere) {
  for (const auto& [where, ids] : everywhere) {
    going_on_.insert(ids.going_on->begin(), ids.going_on->end());
  }
  for (const auto& [where, ids] : everywhere) {
    Run(where.first, where.second, {.gone = ids.gone, .going_on = going_on_});
  }
}

void PartialSweeper::Remove(const std::string& root,
                            const std::string& directory,
                            const std::string& partial_id) {
  Run(root, directory, {.gone = {partial_id}});
}

void PartialSweeper::SweepFor(const v1::Reception& reception) {
  v1::ReceptionSpec spec = reception.spec();
  const auto plan = ToReceptionPlan(spec);
  const std::string& root = spec.destination().root();
  if (!plan.ok() || !swept_roots_.insert(root).second) return;
  Run(root, plan->directory, {.going_on = going_on_},
      [this, root](const absl::StatusOr<size_t>& removed) {
        // It hangs, or did: see ContentRoots.
        if (absl::IsUnavailable(removed.status())) return;
        asio::post(executor_, [this, root] { swept_roots_.erase(root); });
      });
}

void PartialSweeper::Run(const std::string& root, const std::string& directory,
                         PartialIds ids, Removed done) {
  roots_.TidyUp<size_t>(
      root,
      [directory, ids = std::move(ids)](const ContentRoot& content_root) {
        return RemovePartialFiles(content_root, directory, ids);
      },
      [root, directory,
       done = std::move(done)](const absl::StatusOr<size_t>& removed) {
        done(removed);
        // Where the root or the directory is gone, nothing is left of it.
        if (removed.ok() || absl::IsNotFound(removed.status())) return;
        LogWarning("partial_files_stay",
                   {{"root", root},
                    {"directory", directory},
                    {"error", std::string(removed.status().message())}});
      });
}

}  // namespace tcptool::server
