#include "server/daemon/ready_file.h"

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace tcptool::server {

absl::Status WriteReadyFile(const std::string& path,
                            const std::string& control_address,
                            const std::string& http_address,
                            const std::string& peer_address) {
  const std::string part = absl::StrCat(path, ".part");
  std::ofstream file(part);
  file << "{\"control_address\": " << JsonString(control_address)
       << ", \"http_address\": " << JsonString(http_address);
  if (!peer_address.empty()) {
    file << ", \"peer_address\": " << JsonString(peer_address);
  }
  file << "}\n";
  file.close();
  if (file.good() && std::rename(part.c_str(), path.c_str()) == 0) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("cannot write --ready-file ", path));
}

}  // namespace tcptool::server
