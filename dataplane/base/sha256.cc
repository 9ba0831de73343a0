#include "dataplane/base/sha256.h"

#include "absl/strings/escaping.h"

namespace tcptool::dataplane {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

void Sha256::Update(std::span<const std::byte> data) {
  EVP_DigestUpdate(context_.get(), data.data(), data.size());
}

Digest Sha256::FinishDigest() {
  Digest digest;
  EVP_DigestFinal_ex(context_.get(),
                     reinterpret_cast<unsigned char*>(digest.data()), nullptr);
  return digest;
}

Digest Sha256::Of(std::span<const std::byte> data) {
  Sha256 sha256;
  sha256.Update(data);
  return sha256.FinishDigest();
}

std::string ToHex(const Digest& digest) {
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace tcptool::dataplane
