// What a recipient in TLS can send and OpenSSL's client does not: the beginning
// of a message.
#ifndef TCPTOOL_TESTS_DATAPLANE_TLS_UNFINISHED_MESSAGE_H_
#define TCPTOOL_TESTS_DATAPLANE_TLS_UNFINISHED_MESSAGE_H_

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

// Encrypts by itself, with the client's key, which OpenSSL tells for logs.
class UnfinishedMessage {
 public:
  // Before the handshake of `peer`, for which the cipher is AES-128-GCM.
  explicit UnfinishedMessage(TlsPeer& peer) : peer_(peer) {
    SSL_set_app_data(peer.ssl(), this);
    SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(peer.ssl()), &OnKey);
  }

  // Sends the header of a KeyUpdate of one byte, and not the byte, in a record.
  // `number`: how many records the peer has sent since the handshake. Returns
  // the size of the record.
  size_t Send(uint8_t number) const {
    const std::string key = Derive("key", 16);
    std::string nonce = Derive("iv", 12);
    nonce.back() = static_cast<char>(nonce.back() ^ number);
    constexpr absl::string_view kText("\x18\0\0\1\x16", 5);
    constexpr absl::string_view kHeader("\x17\3\3\0\x15", 5);
    std::string record(kHeader);
    record.resize(kHeader.size() + kText.size() + 16);
    char* const cipher = record.data() + kHeader.size();
    const std::unique_ptr<EVP_CIPHER_CTX, void (*)(EVP_CIPHER_CTX*)> context(
        EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
    int size = 0;
    EVP_EncryptInit_ex(context.get(), EVP_aes_128_gcm(), nullptr, Bytes(key),
                       Bytes(nonce));
    EVP_EncryptUpdate(context.get(), nullptr, &size, Bytes(kHeader),
                      static_cast<int>(kHeader.size()));
    EVP_EncryptUpdate(context.get(), reinterpret_cast<unsigned char*>(cipher),
                      &size, Bytes(kText), static_cast<int>(kText.size()));
    EVP_EncryptFinal_ex(context.get(), nullptr, &size);
    EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, 16,
                        cipher + kText.size());
    EXPECT_EQ(send(peer_.fd(), record.data(), record.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(record.size()));
    return record.size();
  }

 private:
  static const unsigned char* Bytes(absl::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  }
  static void OnKey(const SSL* ssl, const char* line) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words[0] != "CLIENT_TRAFFIC_SECRET_0") return;
    static_cast<UnfinishedMessage*>(SSL_get_app_data(ssl))->secret_ =
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

#endif  // TCPTOOL_TESTS_DATAPLANE_TLS_UNFINISHED_MESSAGE_H_
