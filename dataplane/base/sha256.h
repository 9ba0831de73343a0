// SHA-256 (FIPS 180-4), by OpenSSL.
#ifndef TCPTOOL_DATAPLANE_BASE_SHA256_H_
#define TCPTOOL_DATAPLANE_BASE_SHA256_H_

#include <openssl/evp.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::dataplane {

// The 32 bytes of a SHA-256.
using Digest = std::array<std::byte, 32>;

// 64 lowercase hexadecimal digits.
std::string ToHex(const Digest& digest);

// Not thread-safe.
class Sha256 {
 public:
  Sha256();

  static Digest Of(std::span<const std::byte> data);

  void Update(std::span<const std::byte> data);
  // Call one of the two, once, after all updates. Finish() answers as ToHex().
  Digest FinishDigest();
  std::string Finish() { return ToHex(FinishDigest()); }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

// The SHA-256 of a source's content, where the session asks for it.
class ContentDigest {
 public:
  // Call it before the first byte; otherwise nothing is computed.
  void Enable() { sha256_.emplace(); }
  bool enabled() const { return sha256_.has_value(); }

  // What it has to be, in place of Enable().
  void Expect(const Digest& digest) {
    Enable();
    expected_ = ToHex(digest);
  }
  // Empty: anything will do.
  const std::string& expected() const { return expected_; }

  // Adds content in order, from front to back; one thread at a time.
  void Update(std::span<const std::byte> data) {
    if (!sha256_) return;
    sha256_->Update(data);
    position_ += data.size();
  }
  // Bytes that have been added. Any thread.
  uint64_t position() const { return position_; }
  // Call it when all content has been added.
  void Finish() {
    if (!sha256_) return;
    absl::MutexLock lock(&mutex_);
    hex_ = sha256_->Finish();
  }

  // For content that somebody else has hashed. Any thread.
  void Set(const Digest& digest) {
    absl::MutexLock lock(&mutex_);
    hex_ = ToHex(digest);
  }

  // Any thread. Empty until Finish() or Set() was called.
  std::string hex() const {
    absl::MutexLock lock(&mutex_);
    return hex_;
  }

 private:
  std::optional<Sha256> sha256_;
  std::string expected_;  // As hex().
  std::atomic<uint64_t> position_ = 0;
  mutable absl::Mutex mutex_;
  std::string hex_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_BASE_SHA256_H_
