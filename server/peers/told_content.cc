#include "server/peers/told_content.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/manifest.h"

namespace tcptool::server {
namespace {

using dataplane::Digest;
using dataplane::kManifestBlock;

Digest DigestAt(const std::string& bytes, size_t index) {
  Digest digest;
  std::memcpy(digest.data(), bytes.data() + index * digest.size(),
              digest.size());
  return digest;
}

}  // namespace

void ToldContent::ChangeNode() {
  first_own_ = blocks_;
  others_ = most_;
  // They are told again.
  length_.reset();
  end_.reset();
}

absl::Status ToldContent::Take(const peer::v1::FollowResponse& response,
                               bool is_connected) {
  absl::Status status = TakeDigests(response.digests());
  if (status.ok() && response.has_length()) {
    status = TakeLength(response.length());
    if (status.ok() && is_connected) claims_->ExpectLength(*length_);
  }
  if (status.ok() && response.has_end() && !misses_digests_) {
    status = TakeEnd(response.end());
    if (status.ok() && is_connected) claims_->ExpectEnd(*end_);
  }
  return status;
}

absl::Status ToldContent::TakeLength(int64_t length) {
  if (length < 0) {
    return absl::InvalidArgumentError("the node has told no proper length");
  }
  length_ = static_cast<uint64_t>(length);
  if (dataplane::CountBlocks(*length_) > kMostBlocks) {
    return absl::OutOfRangeError(
        absl::StrCat("the content has more than ", kMostBlocks, " MiB"));
  }
  return absl::OkStatus();
}

absl::Status ToldContent::TakeEnd(const peer::v1::ContentEnd& end) {
  if (end.length() < 0 || end.root().size() != sizeof(Digest)) {
    return absl::InvalidArgumentError("the node has told no proper end");
  }
  const auto length = static_cast<uint64_t>(end.length());
  // Too many may be another's: the reception finds that (see ExpectEnd()), and
  // all of them are told anew.
  if (blocks_ < dataplane::CountBlocks(length)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the node has told the digests of ", blocks_,
                     " blocks, of a content of ", length, " bytes"));
  }
  end_ = {.length = length, .root = DigestAt(end.root(), 0)};
  return absl::OkStatus();
}

void ToldContent::Connected() {
  if (length_) claims_->ExpectLength(*length_);
  if (end_) claims_->ExpectEnd(*end_);
}

absl::Status ToldContent::TakeDigests(const std::string& digests) {
  const size_t count = digests.size() / sizeof(Digest);
  if (digests.size() % sizeof(Digest) != 0) {
    return absl::InvalidArgumentError("the node has told a part of a digest");
  }
  if (count > 0 && end_) {
    return absl::InvalidArgumentError(
        "the node has told digests behind the end of the content");
  }
  if (blocks_ + count > kMostBlocks) {
    return absl::OutOfRangeError(
        absl::StrCat("the content has more than ", kMostBlocks, " MiB"));
  }
  if (count == 0 || misses_digests_) return absl::OkStatus();
  if (IsAhead(kMostBlocksAhead)) {
    misses_digests_ = true;
    return absl::OkStatus();
  }
  std::vector<Digest> told(count);
  for (size_t i = 0; i < count; ++i) told[i] = DigestAt(digests, i);
  claims_->Expect(std::exchange(blocks_, blocks_ + count), std::move(told));
  most_ = std::max(most_, blocks_);
  return absl::OkStatus();
}

bool ToldContent::IsToAskAgain() const {
  return misses_digests_ && !IsAhead(kMostBlocksAhead / 2);
}

bool ToldContent::IsAhead(uint64_t blocks) const {
  return blocks_ >= claims_->position() / kManifestBlock + blocks;
}

void ToldContent::ForgetFrom(uint64_t block) {
  blocks_ = std::min(blocks_, block);
  first_own_ = std::min(first_own_, blocks_);
  length_.reset();
  end_.reset();
}

void ToldContent::ForgetAll() {
  ForgetFrom(0);
  most_ = others_ = 0;
}

}  // namespace tcptool::server
