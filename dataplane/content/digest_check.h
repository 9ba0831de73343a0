// Whether a content has the SHA-256 that it has to have.
#ifndef TCPTOOL_DATAPLANE_CONTENT_DIGEST_CHECK_H_
#define TCPTOOL_DATAPLANE_CONTENT_DIGEST_CHECK_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "dataplane/base/sha256.h"
#include "dataplane/content/held_feed.h"

namespace tcptool::dataplane {

// DATA_LOSS: the digest is known, and is not the expected one. Any thread.
absl::Status CheckDigest(const ContentDigest& digest);

// By the digest that the session computes of the content.
class DigestCheck : public WholeCheck {
 public:
  explicit DigestCheck(std::shared_ptr<const ContentDigest> digest)
      : digest_(std::move(digest)) {}

  bool IsRight() const override {
    return digest_->hex() == digest_->expected();
  }
  absl::Status error() const override { return CheckDigest(*digest_); }
  uint64_t position() const override { return digest_->position(); }

 private:
  const std::shared_ptr<const ContentDigest> digest_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_CONTENT_DIGEST_CHECK_H_
