#include "dataplane/receiving/disk_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

// A block is hashed and written so much at a time: what was hashed is still in
// the processor's cache then, from which the kernel copies it.
constexpr size_t kPiece = size_t{128} << 10;

}  // namespace

DiskWriter::DiskWriter(DiskThreads& disk, DiskThreads::Client client,
                       std::shared_ptr<PartialFile> file,
                       const Options& options, std::function<void()> changed)
    : disk_(disk),
      client_(client),
      file_(std::move(file)),
      options_(options),
      changed_(std::move(changed)),
      digests_(file_->kept()),
      verified_(options.expects_digests ? 0 : digests_.size()),
      durable_(digests_.size()),
      kept_(digests_.size()),
      hash_file_(!digests_.empty()) {
  if (options_.sha256) whole_.emplace();
}

void DiskWriter::Write(uint64_t index, Block block, size_t size) {
  absl::MutexLock lock(&mutex_);
  if (!error_.ok() || (bad_block_ && index >= *bad_block_)) {
    return recent_.GiveUp(index);
  }
  if (size < kManifestBlock) length_ = index * kManifestBlock + size;
  pending_[index] = {.block = block, .size = size};
  Run([this, index, block = std::move(block), size] {
    WriteNow(index, block, size);
    HashWhole();
  });
}

void DiskWriter::WriteNow(uint64_t index, const Block& block, size_t size) {
  {
    absl::MutexLock lock(&mutex_);
    if (!pending_.contains(index)) return;  // Given up meanwhile.
  }
  Sha256 sha256;
  absl::Status written;
  for (size_t at = 0; at < size && written.ok(); at += kPiece) {
    const auto piece = block->first(std::min(size, at + kPiece)).subspan(at);
    sha256.Update(piece);
    written = file_->Write(index * kManifestBlock + at, piece);
  }
  const Digest digest = sha256.FinishDigest();
  absl::MutexLock lock(&mutex_);
  if (!written.ok()) return Fail(std::move(written));
  const auto pending = pending_.find(index);
  if (pending == pending_.end()) return;
  // What is in the file of a bad block counts for nothing: it comes again.
  if (IsBad(index, digest)) return SetBad(index);
  pending->second.digest = digest;
  Advance();
}

bool DiskWriter::IsBad(uint64_t index, const Digest& digest) const {
  return options_.expects_digests && index < expected_.size() &&
         expected_[index] != digest;
}

void DiskWriter::SetBad(uint64_t index) {
  bad_block_ = std::min(index, bad_block_.value_or(index));
  GiveUpFrom(*bad_block_);
}

void DiskWriter::Fail(absl::Status error) {
  if (error_.ok()) error_ = std::move(error);
  GiveUpFrom(0);
}

void DiskWriter::GiveUpFrom(uint64_t index) {
  const auto first = pending_.lower_bound(index);
  for (auto given_up = first; given_up != pending_.end(); ++given_up) {
    recent_.GiveUp(given_up->first);
  }
  pending_.erase(first, pending_.end());
}

void DiskWriter::Advance() {
  for (;;) {
    const auto next = pending_.find(digests_.size());
    if (next == pending_.end() || !next->second.digest) break;
    digests_.push_back(*next->second.digest);
  }
  while (verified_ < digests_.size()) {
    if (options_.expects_digests) {
      if (verified_ >= expected_.size()) break;
      if (IsBad(verified_, digests_[verified_])) {
        SetBad(verified_);
        break;
      }
    }
    ++verified_;
  }
  Release();
  StartCheckpoint();
  StartHashFile();
  StartCheckKept();
}

void DiskWriter::Release() {
  while (!pending_.empty()) {
    const uint64_t first = pending_.begin()->first;
    if (first >= digests_.size() || (HashesOnTheWay() && first >= hashed_)) {
      break;
    }
    recent_.Release(first);
    pending_.erase(pending_.begin());
  }
}

void DiskWriter::HashWhole() {
  for (bool is_mine = false;; is_mine = true) {
    Block block;
    size_t size = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (!HashesOnTheWay() || (!is_mine && hashing_)) return;
      if (is_mine) {
        ++hashed_;
        Release();
      }
      const auto next = pending_.find(hashed_);
      if (next == pending_.end() || hashed_ >= digests_.size()) {
        hashing_ = false;
        if (AllWritten() && hashed_ == digests_.size() && !sha256_) {
          sha256_ = whole_->FinishDigest();
        }
        return;
      }
      hashing_ = true;
      block = next->second.block;
      size = next->second.size;
    }
    if (is_mine) changed_();  // A block was released.
    whole_->Update(block->first(size));
  }
}

void DiskWriter::Complete(uint64_t length) {
  absl::MutexLock lock(&mutex_);
  length_ = length;
  ended_ = true;
  StartHashFile();
  StartCheckKept();
  Run([this] { HashWhole(); });
}

absl::Status DiskWriter::Expect(uint64_t first,
                                std::span<const Digest> digests) {
  {
    absl::MutexLock lock(&mutex_);
    if (first > expected_.size()) {
      return absl::OutOfRangeError(
          absl::StrCat("the digests of the blocks before number ", first,
                       " are known up to number ", expected_.size()));
    }
    for (size_t i = 0; i < digests.size(); ++i) {
      const uint64_t index = first + i;
      if (index == expected_.size()) {
        expected_.push_back(digests[i]);
      } else if (expected_[index] != digests[i]) {
        return absl::FailedPreconditionError(absl::StrCat(
            "block number ", index, " has another digest than it had before"));
      }
    }
    Advance();
  }
  changed_();
  return absl::OkStatus();
}

bool DiskWriter::Contradicts(const ContentEnd& end) const {
  Manifest manifest = {.length = end.length};
  {
    absl::MutexLock lock(&mutex_);
    const uint64_t blocks = CountBlocks(end.length);
    if (expected_.size() != blocks) return expected_.size() > blocks;
    manifest.blocks = expected_;
  }
  return Root(manifest) != end.root;
}

void DiskWriter::CheckpointIfDue() {
  absl::MutexLock lock(&mutex_);
  StartCheckpoint();
}

void DiskWriter::StartCheckpoint() {
  // After the end there are no checkpoints: PartialFile::Commit() syncs the
  // whole file.
  if (checkpointing_ || ended_ || bad_block_ || !error_.ok()) return;
  // The map has whole blocks alone.
  const uint64_t whole = LengthOf(verified_) / kManifestBlock;
  if (whole <= durable_) return;
  if ((whole - durable_) * kManifestBlock < kCheckpointBytes &&
      Clock::now() - last_checkpoint_ < kCheckpointTime) {
    return;
  }
  checkpointing_ = true;
  Run([this, blocks = std::vector(digests_.begin() + durable_,
                                  digests_.begin() + whole)] {
    CheckpointNow(blocks);
  });
}

void DiskWriter::CheckpointNow(const std::vector<Digest>& blocks) {
  absl::Status status = file_->Checkpoint(blocks);
  absl::MutexLock lock(&mutex_);
  checkpointing_ = false;
  last_checkpoint_ = Clock::now();
  if (!status.ok()) return Fail(std::move(status));
  durable_ += blocks.size();
}

void DiskWriter::Rewind(uint64_t index, bool forgets_all,
                        std::function<void(absl::Status)> done) {
  absl::MutexLock lock(&mutex_);
  Run([this, index, forgets_all, done = std::move(done)] {
    done(RewindNow(index, forgets_all));
  });
}

absl::Status DiskWriter::RewindNow(uint64_t index, bool forgets_all) {
  bool is_durable = false;
  {
    absl::MutexLock lock(&mutex_);
    is_durable = index < durable_;
  }
  // A block that is both durable and bad was kept by an earlier attempt, which
  // received another content, or the file has been changed since; or it was
  // verified against what a source has said that was wrong. Nothing of it is
  // used.
  absl::Status status = is_durable ? file_->Restart() : absl::OkStatus();
  if (is_durable) index = 0;
  absl::MutexLock lock(&mutex_);
  kept_ = std::min(kept_, index);
  kept_checked_ = std::min(kept_checked_, kept_);
  GiveUpFrom(0);
  recent_.DropFrom(index);
  digests_.resize(std::min<uint64_t>(digests_.size(), index));
  // It may be that what was expected was wrong: it is told anew. But what is
  // verified may have been sent on already: the blocks that come in its place,
  // as it was lost or was a kept one's, have to be the same.
  const uint64_t same = forgets_all ? 0 : std::max(index, verified_);
  expected_.resize(std::min<uint64_t>(expected_.size(), same));
  verified_ = forgets_all ? 0 : std::min<uint64_t>(verified_, index);
  durable_ = std::min(durable_, index);
  length_.reset();
  ended_ = false;
  // An earlier one may have been found lost meanwhile.
  if (bad_block_ && *bad_block_ >= index) bad_block_.reset();
  // A hash cannot be rewound: the file is hashed at the end instead.
  if (sha256_ || hashed_ > digests_.size()) hash_file_ = true;
  sha256_.reset();
  if (!status.ok()) Fail(status);
  StartCheckKept();
  return status;
}

DiskWriter::State DiskWriter::state() const {
  absl::MutexLock lock(&mutex_);
  return {.marks = {.written = LengthOf(digests_.size()),
                    .verified = LengthOf(verified_),
                    .durable = durable_ * kManifestBlock},
          .idle = running_ == 0,
          .complete = error_.ok() && AllWritten() &&
                      verified_ == digests_.size() && kept_checked_ == kept_ &&
                      (!options_.sha256 || sha256_),
          .bad_block = bad_block_,
          .error = error_};
}

std::optional<Digest> DiskWriter::DigestOf(uint64_t index) const {
  absl::MutexLock lock(&mutex_);
  if (index >= digests_.size()) return std::nullopt;
  return digests_[index];
}

std::vector<Digest> DiskWriter::VerifiedDigests(uint64_t first,
                                                size_t most) const {
  absl::MutexLock lock(&mutex_);
  return DigestsFrom(std::span(digests_).first(verified_), first, most);
}

Manifest DiskWriter::manifest() const {
  absl::MutexLock lock(&mutex_);
  return {.length = LengthOf(digests_.size()), .blocks = digests_};
}

std::optional<Digest> DiskWriter::sha256() const {
  absl::MutexLock lock(&mutex_);
  return sha256_;
}

bool DiskWriter::AllWritten() const {
  return ended_ && digests_.size() == CountBlocks(*length_);
}

uint64_t DiskWriter::LengthOf(uint64_t blocks) const {
  return std::min(blocks * kManifestBlock,
                  length_.value_or(std::numeric_limits<uint64_t>::max()));
}

void DiskWriter::Run(std::function<void()> task) {
  ++running_;
  disk_.Run(client_, [self = shared_from_this(), task = std::move(task)] {
    task();
    {
      absl::MutexLock lock(&self->mutex_);
      --self->running_;
    }
    self->changed_();
  });
}

}  // namespace tcptool::dataplane
