// What a writer reads again from its file: blocks that an earlier attempt has
// kept, and the whole for its SHA-256, where that could not be computed on the
// way.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/base/page_block.h"
#include "dataplane/receiving/disk_writer.h"

namespace tcptool::dataplane {
namespace {

absl::Status LostError(uint64_t index) {
  return absl::DataLossError(
      absl::StrCat("the block at byte ", index * kManifestBlock,
                   " is not what was written there: the disk has lost it, or "
                   "somebody else writes to the partial file"));
}

}  // namespace

void DiskWriter::StartHashFile() {
  if (!options_.sha256 || !hash_file_ || hashing_ || sha256_ ||
      kept_checked_ < kept_ || !AllWritten()) {
    return;
  }
  hashing_ = true;
  Run([this] { HashFile(); });
}

void DiskWriter::HashFile() {
  const Manifest known = manifest();
  Sha256 sha256;
  PageBlock buffer(kManifestBlock);
  absl::Status status;
  for (uint64_t i = 0; i < known.blocks.size() && status.ok(); ++i) {
    const uint64_t start = i * kManifestBlock;
    const auto data =
        buffer.first(std::min<uint64_t>(kManifestBlock, known.length - start));
    status = file_->Read(start, data);
    if (status.ok() && Sha256::Of(data) != known.blocks[i]) {
      status = LostError(i);
    }
    sha256.Update(data);
  }
  absl::MutexLock lock(&mutex_);
  hashing_ = false;
  if (!status.ok()) return Fail(std::move(status));
  sha256_ = sha256.FinishDigest();
}

void DiskWriter::StartCheckKept() {
  // A rewind waits until nothing is done any more.
  if (checking_kept_ || kept_checked_ == kept_ || bad_block_ || !error_.ok()) {
    return;
  }
  checking_kept_ = true;
  Run([this] { CheckKept(); });
}

void DiskWriter::CheckKept() {
  uint64_t index = 0;
  {
    absl::MutexLock lock(&mutex_);
    index = kept_checked_;
  }
  const PageBlock buffer(kManifestBlock);
  const auto data = buffer.first(kManifestBlock);
  const absl::Status status = file_->Read(index * kManifestBlock, data);
  const Digest digest = Sha256::Of(data);
  absl::MutexLock lock(&mutex_);
  checking_kept_ = false;
  // What the disk has lost comes again from the source.
  if (!status.ok() || digest != digests_[index]) return SetBad(index);
  // Unless all are to be read once more: see Lost().
  if (kept_checked_ == index) ++kept_checked_;
  StartCheckKept();
  StartHashFile();
}

void DiskWriter::Lost(uint64_t index, const Digest& digest) {
  {
    absl::MutexLock lock(&mutex_);
    if (index >= digests_.size() || digests_[index] != digest) return;
    if (options_.expects_digests) {
      SetBad(index);
      // Nobody may have read those before it, which stay. They are taken for
      // kept ones, as whatever has lost one may have lost others.
      kept_ = std::max(kept_, index);
      kept_checked_ = 0;
    } else {
      Fail(LostError(index));
    }
  }
  changed_();
}

}  // namespace tcptool::dataplane
