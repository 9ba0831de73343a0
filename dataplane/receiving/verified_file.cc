#include "dataplane/receiving/verified_file.h"

#include <cerrno>

#include "absl/status/status.h"

namespace tcptool::dataplane {

absl::StatusOr<FileState> VerifiedFile::State() const {
  return FileState{.size = writer_->state().marks.written};
}

ssize_t VerifiedFile::ReadCached(uint64_t, std::span<std::byte>) {
  return -EAGAIN;
}

ssize_t VerifiedFile::Read(uint64_t offset, std::span<std::byte> buffer) {
  const auto digest = writer_->DigestOf(offset / kManifestBlock);
  if (!digest) return -EIO;
  const ssize_t got = writer_->file()->ReadUpTo(offset, buffer);
  if (got < 0) return got;
  if (Sha256::Of(buffer.first(static_cast<size_t>(got))) == *digest) return got;
  writer_->Lost(offset / kManifestBlock, *digest);
  return -EBADMSG;
}

}  // namespace tcptool::dataplane
