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

}  // namespace

absl::StatusOr<std::unique_ptr<TokenFile>> TokenFile::Open(std::string path) {
  auto file = absl::WrapUnique(new TokenFile(std::move(path)));
  absl::StatusOr<Callers> callers = file->Load();
  if (absl::IsNotFound(callers.status())) {
    return file->Wrong(std::strerror(ENOENT));
  }
  if (!callers.ok()) return callers.status();
  if (callers->empty()) return file->Wrong("has no token: nobody could call");
  file->Replace(*std::move(callers));
  return file;
}

std::optional<Caller> TokenFile::Find(absl::string_view token) const {
  std::string hash(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const uint8_t*>(token.data()), token.size(),
         reinterpret_cast<uint8_t*>(hash.data()));
  return FindHash(hash);
}

std::optional<Caller> TokenFile::FindHash(absl::string_view hash) const {
  absl::MutexLock lock(&mutex_);
  const Caller* found = nullptr;
  for (const Caller& caller : callers_) {
    if (CRYPTO_memcmp(caller.token_hash.data(), hash.data(),
                      SHA256_DIGEST_LENGTH) == 0) {
      found = &caller;
    }
  }
  if (found == nullptr) return std::nullopt;
  return *found;
}

TokenFile::Version TokenFile::VersionOf(const struct stat& status) {
  return {status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ino,
          status.st_size};
}

absl::Status TokenFile::Wrong(absl::string_view what) const {
  return absl::InvalidArgumentError(
      absl::StrCat("--token-file ", path_, ": ", what));
}

absl::StatusOr<TokenFile::Callers> TokenFile::Load() {
  const dataplane::UniqueFd fd(
      open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::NotFoundError(path_);
  }
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
  if (count != status.st_size) {
    // The next Reload() reads it again, even if its time stamps stay the same.
    version_ = {};
    return Wrong("changes while it is read");
  }

  Callers callers;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    absl::StatusOr<Caller> caller = ParseLine(line, number);
    if (!caller.ok()) return caller.status();
    callers.push_back(*std::move(caller));
  }
  return callers;
}

absl::StatusOr<Caller> TokenFile::ParseLine(absl::string_view line,
                                            int number) const {
  const std::vector<absl::string_view> words =
      absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  // The line is not quoted: it may have the token itself by mistake.
  if (words.size() != 3) {
    return Wrong(absl::StrCat("line ", number, " is not NAME ROLE SHA256"));
  }
  const std::optional<Role> role = ParseRole(words[1]);
  if (!role) {
    return Wrong(absl::StrCat(
        "line ", number, ": the role is neither viewer, peer nor operator"));
  }
  const bool is_hash = words[2].size() == size_t{2} * SHA256_DIGEST_LENGTH &&
                       words[2].find_first_not_of("0123456789abcdefABCDEF") ==
                           absl::string_view::npos;
  if (!is_hash) {
    return Wrong(absl::StrCat(
        "line ", number,
        ": the last word is no SHA-256 in hexadecimal; make it by printf %s "
        "TOKEN | sha256sum"));
  }
  return Caller{.name = absl::StrCat("token:", words[0]),
                .role = *role,
                .token_hash = absl::HexStringToBytes(words[2])};
}

void TokenFile::Replace(Callers callers) {
  absl::MutexLock lock(&mutex_);
  callers_ = std::move(callers);
}

bool TokenFile::ReloadIfChanged() {
  struct stat status {};
  if (stat(path_.c_str(), &status) == 0 && VersionOf(status) == version_) {
    return false;
  }
  absl::StatusOr<Callers> callers = Load();
  if (absl::IsNotFound(callers.status())) {
    // A missing file is reported once, until it has existed again.
    if (version_ == Version()) return false;
    version_ = {};
    callers = Callers();
  }
  if (!callers.ok()) {
    if (callers.status() != failure_) {
      LogError("tokens_not_reloaded", {{"error", callers.status().message()}});
    }
    failure_ = callers.status();
    return false;
  }
  failure_ = absl::OkStatus();
  if (callers->empty()) {
    LogWarning("tokens_reloaded",
               {{"tokens", 0}, {"file", path_}, {"detail", "nobody may call"}});
  } else {
    LogInfo("tokens_reloaded", {{"tokens", callers->size()}});
  }
  Replace(*std::move(callers));
  return true;
}

}  // namespace tcptool::server
