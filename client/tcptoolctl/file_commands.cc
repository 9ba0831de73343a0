// The subcommand that is about files below the node's roots.
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "client/tcptoolctl/commands.h"
#include "client/tcptoolctl/flag_values.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/labelled_lines.h"
#include "client/tcptoolctl/render.h"
#include "text/amounts.h"

namespace tcptool {
namespace {

std::string TypeText(v1::FileType type) {
  switch (type) {
    case v1::FILE_TYPE_REGULAR:
      return "file";
    case v1::FILE_TYPE_DIRECTORY:
      return "directory";
    case v1::FILE_TYPE_BLOCK_DEVICE:
      return "block device";
    case v1::FILE_TYPE_SYMBOLIC_LINK:
      return "link";
    default:
      return "other";
  }
}

std::string FileTable(const std::vector<v1::File>& files) {
  std::vector<std::vector<std::string>> rows = {
      {"TYPE", "SIZE", "MODIFIED", "NAME"}};
  for (const v1::File& file : files) {
    rows.push_back(
        {TypeText(file.type()),
         OrNothing(file.has_size_bytes() ? HumanBytes(file.size_bytes()) : ""),
         OrNothing(file.has_modify_time() ? TimeText(file.modify_time()) : ""),
         OrNothing(file.name())});
  }
  return Table(rows);
}

absl::StatusOr<std::vector<v1::File>> Look(Client& client, const Pair& place) {
  auto file = client.StatFile(place.first, place.second);
  if (!file.ok()) return file.status();
  if (file->type() == v1::FILE_TYPE_DIRECTORY) {
    return client.ListFiles(place.first, place.second);
  }
  return std::vector<v1::File>{*std::move(file)};
}

}  // namespace

absl::Status Files(Client& client, const Options& options) {
  const auto files = Look(client, SplitPair(options.name, '/'));
  if (!files.ok()) return files.status();
  if (IsJson(options)) {
    v1::ListFilesResponse list;
    list.mutable_files()->Assign(files->begin(), files->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << FileTable(*files);
  }
  return absl::OkStatus();
}

}  // namespace tcptool
