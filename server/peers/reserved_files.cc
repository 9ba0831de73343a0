#include "server/peers/reserved_files.h"

#include <utility>

#include "absl/status/status.h"
#include "dataplane/base/descriptor_reserve.h"

namespace tcptool::server {

ReservedFiles::Limits ReservedFiles::Limits::Now() {
  const auto descriptors = dataplane::DescriptorReserve::Now();
  return {.first_reserved = descriptors.first_reserved(),
          .most = static_cast<size_t>(descriptors.reserve) / 8};
}

absl::StatusOr<ReservedFiles::File> ReservedFiles::Admit(File file) const {
  if (file->descriptor() < limits_.first_reserved) return file;
  if (open_->fetch_add(1) >= limits_.most) {
    --*open_;
    return absl::ResourceExhaustedError(
        "the service has no file descriptor left for a file that another node "
        "follows; follow another node, or raise the service's limit (ulimit "
        "-n, LimitNOFILE=)");
  }
  dataplane::RandomAccessFile* const raw = file.get();
  return File(raw, [file = std::move(file), open = open_](auto*) mutable {
    file = nullptr;
    --*open;
  });
}

}  // namespace tcptool::server
