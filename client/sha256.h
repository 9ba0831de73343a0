// SHA-256 (FIPS 180-4), by OpenSSL.
#ifndef TCPTOOL_CLIENT_SHA256_H_
#define TCPTOOL_CLIENT_SHA256_H_

#include <openssl/evp.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "dataplane/random_access_file.h"

namespace tcptool::client {

// Not for several threads at a time.
class Sha256 {
 public:
  Sha256();

  void Update(std::span<const std::byte> data);
  // Takes in a file from `offset` to its end. False: a read failed.
  bool UpdateFrom(dataplane::RandomAccessFile& file, uint64_t offset);
  // 64 lowercase hexadecimal digits. Nothing may follow.
  std::string Finish();

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
};

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_SHA256_H_
