// Records that a recipient in TLS can send and OpenSSL's client does not.
#ifndef TCPTOOL_TESTS_DATAPLANE_TLS_RECORD_WRITER_H_
#define TCPTOOL_TESTS_DATAPLANE_TLS_RECORD_WRITER_H_

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/dataplane/tls/tls_peer.h"

namespace tcptool::dataplane {

// "bad_record_mac", which ends a connection.
inline constexpr absl::string_view kFatal("\2\x14", 2);

// Encrypts by itself, with the client's key, which OpenSSL tells for logs.
class RecordWriter {
 public:
  // Before the handshake of `peer`, for which the cipher is AES-128-GCM.
  explicit RecordWriter(TlsPeer& peer) : peer_(peer) {
    SSL_set_app_data(peer.ssl(), this);
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(peer.ssl()), &OnKey);
  }

  // Sends `content` as a record of this type (RFC 8446, section 5.1). `number`:
  // how many the peer has sent since the handshake. Returns the record's size.
  size_t Send(unsigned char type, absl::string_view content,
              uint8_t number) const {
    const std::string key = Derive("key", 16);
    std::string nonce = Derive("iv", 12);
    nonce.back() = static_cast<char>(nonce.back() ^ number);
    const std::string text =
        absl::StrCat(content, std::string(1, static_cast<char>(type)));
    std::string record("\x17\3\3\0", 4);  // Its header, and then its size.
    record.push_back(static_cast<char>(text.size() + kTag));
    const std::string header = record;
    record.resize(header.size() + text.size() + kTag);
    char* const cipher = record.data() + header.size();
    const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(
        EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int size = 0;
    EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, Bytes(key),
                       Bytes(nonce));
    EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(header),
                      static_cast<int>(header.size()));
    EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(cipher),
                      &size, Bytes(text), static_cast<int>(text.size()));
    EVP_EncryptFinal_ex(context.get(), nullptr, &size);
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag,
                        cipher + text.size());
    EXPECT_EQ(send(peer_.fd(), record.data(), record.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(record.size()));
    return record.size();
  }

 private:
  static constexpr int kTag = 16;

  static const unsigned char* Bytes(absl::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static void OnKey(const SSL* ssl, const char* line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] != "CLIENT_TRAFFIC_SECRET_0") return;
    static_cast<RecordWriter*>(SSL_get_app_data(ssl))->secret_ =
        absl::HexStringToBytes(words[2]);
  }
  // HKDF-Expand-Label (RFC 8446, section 7.1).
  std::string Derive(absl::string_view label, size_t size) const {
    const std::string name = absl::StrCat("tls13 ", label);
    std::string info(1, '\0');
    info.push_back(static_cast<char>(size));
    info.push_back(static_cast<char>(name.size()));
    info += name;
    info.push_back('\0');
    info.push_back('\1');
    std::string derived(EVP_MAX_MD_SIZE, '\0');
    HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
         Bytes(info), info.size(),
         reinterpret_cast<unsigned char*>(derived.data()), nullptr);
    derived.resize(size);
    return derived;
  }

  TlsPeer& peer_;
  std::string secret_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_TLS_RECORD_WRITER_H_
