#include "client/sha256.h"

#include <array>

#include "absl/strings/escaping.h"

namespace tcptool::client {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
}

void Sha256::Update(std::span<const std::byte> data) {
  EVP_DigestUpdate(context_.get(), data.data(), data.size());
}

bool Sha256::UpdateFrom(dataplane::RandomAccessFile& file, uint64_t offset) {
  constexpr size_t kBuffer = size_t{256} << 10;
  const auto buffer = std::make_unique_for_overwrite<std::byte[]>(kBuffer);
  for (;;) {
    const ssize_t got = file.Read(offset, {buffer.get(), kBuffer});
    if (got < 0) return false;
    if (got == 0) return true;
    Update({buffer.get(), static_cast<size_t>(got)});
    offset += got;
  }
}

std::string Sha256::Finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  EVP_DigestFinal_ex(context_.get(), digest.data(), &size);
  return absl::BytesToHexString(
      {reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace tcptool::client
