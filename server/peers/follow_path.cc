#include "server/peers/follow_path.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

absl::Status CheckPath(const peer::v1::Path& path, const std::string& id) {
  if (path.nodes_size() >= kLongestPath) {
    return absl::AbortedError(
        absl::StrCat("the content comes through more than ", kLongestPath,
                     " nodes; it may come through fewer later"));
  }
  for (const std::string& node : path.nodes()) {
    if (node.size() <= kLongestName) continue;
    return absl::InvalidArgumentError(
        "the node has told no proper name of one that the content comes "
        "through");
  }
  const auto found = std::ranges::find(path.nodes(), id);
  if (found == path.nodes().end()) return absl::OkStatus();
  if (found == path.nodes().begin()) {
    return absl::FailedPreconditionError(
        "the node has the content from this reception itself, which would wait "
        "for itself; receive it from a node that has it otherwise");
  }
  return absl::AbortedError(
      "the node receives the content from this reception, which would wait for "
      "itself; it may have it from elsewhere later");
}

}  // namespace tcptool::server
