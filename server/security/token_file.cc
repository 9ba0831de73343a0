#include "server/security/token_file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dataplane/base/unique_fd.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

constexpr int64_t kMaxBytes = 1 << 20;
constexpr auto kCheckInterval = std::chrono::seconds(1);

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(std::string path) {
  auto file = absl::WrapUnique(new TokenFile(std::move(path)));
  absl::MutexLock lock(&file->mutex_);
  if (absl::Status status = file->Load(); !status.ok()) return status;
  return file;
}

std::optional<Caller> TokenFile::Find(absl::string_view token) {
  std::array<uint8_t, SHA256_DIGEST_LENGTH> hash;
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(),
         hash.data());
  absl::MutexLock lock(&mutex_);
  ReloadIfChanged();
  const Entry* found = nullptr;
  for (const Entry& entry : entries_) {
    if (CRYPTO_memcmp(entry.hash.data(), hash.data(), hash.size()) == 0) {
      found = &entry;
    }
  }
  if (found == nullptr) return std::nullopt;
  return found->caller;
}

TokenFile::Version TokenFile::VersionOf(const struct stat& status) {
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino,
          status.st_size};
}

absl::Status TokenFile::Wrong(absl::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("--token-file ", path_, ": ", what));
}

absl::Status TokenFile::Load() {
  const dataplane::UniqueFd fd(
      open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (fd.get() < 0 || fstat(fd.get(), &status) != 0) {
    return Wrong(std::strerror(errno));
  }
  version_ = VersionOf(status);
  if (!S_ISREG(status.st_mode)) return Wrong("is no file");
  if ((status.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return Wrong("others may read or write it; chmod 640 it");
  }
  if (status.st_size > kMaxBytes) return Wrong("is larger than 1 MiB");
  std::string text(static_cast<size_t>(status.st_size), '\0');
  const ssize_t count = pread(fd.get(), text.data(), text.size(), 0);
  if (count != status.st_size) return Wrong("changes while it is read");

  std::vector<Entry> entries;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Entry> entry = ParseLine(line, number);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  if (entries.empty()) return Wrong("has no token: nobody could call");
  entries_ = std::move(entries);
  return absl::OkStatus();
}

absl::StatusOr<TokenFile::Entry> TokenFile::ParseLine(absl::string_view line,
                                                      int number) const {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  Entry entry;
  // The line is not repeated: somebody may have put the token itself there.
  if (words.size() != 3) {
    return Wrong(absl::StrCat("line ", number, " is not NAME ROLE SHA256"));
  }
  const std::optional<Role> role = ParseRole(words[1]);
  if (!role) {
    return Wrong(absl::StrCat("line ", number,
                              ": the role is neither viewer nor operator"));
  }
  const bool is_hash = words[2].size() == 2 * entry.hash.size() &&
                       words[2].find_first_not_of("0123456789abcdefABCDEF") ==
                           absl::string_view::npos;
  if (!is_hash) {
    return Wrong(absl::StrCat(
        "line ", number,
        ": the last word is no SHA-256 in hexadecimal; make it by printf %s "
        "TOKEN | sha256sum"));
  }
  entry.caller = {.name = absl::StrCat("token:", words[0]), .role = *role};
  const std::string bytes = absl::HexStringToBytes(words[2]);
  std::memcpy(entry.hash.data(), bytes.data(), entry.hash.size());
  return entry;
}

void TokenFile::ReloadIfChanged() {
  const Clock::time_point now = Clock::now();
  if (now - checked_ < kCheckInterval) return;
  checked_ = now;
  struct stat status {};
  // Between its removal and its return there is nothing to say; a return is a
  // change.
  if (stat(path_.c_str(), &status) != 0) return;
  if (VersionOf(status) == version_) return;
  if (absl::Status loaded = Load(); !loaded.ok()) {
    version_ = VersionOf(status);
    LogError("tokens_not_reloaded", {{"error", loaded.message()}});
    return;
  }
  LogInfo("tokens_reloaded", {{"tokens", entries_.size()}});
}

}  // namespace tcptool::server
