#include "server/sessions/session_source.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/file_source.h"

namespace tcptool::server {
namespace {

absl::StatusOr<std::shared_ptr<dataplane::Source>> OpenFile(
    const ContentRoots& roots, const v1::FileSource& file) {
  auto opened = roots.Open(file.root(), file.path());
  if (!opened.ok()) return opened.status();
  return dataplane::FileSource::Create(
      *std::move(opened), static_cast<uint64_t>(file.offset()),
      file.has_length() ? std::optional<uint64_t>(file.length())
                        : std::nullopt);
}

}  // namespace

absl::StatusOr<SessionSource> OpenSource(const ContentRoots& roots,
                                         size_t window_bytes,
                                         const v1::SessionSpec& spec) {
  if (spec.has_upload()) {
    auto stream = std::make_shared<dataplane::StreamSource>(window_bytes);
    return SessionSource{.source = stream, .upload = stream};
  }
  auto file = OpenFile(roots, spec.file());
  if (!file.ok()) {
    return absl::Status(
        file.status().code(),
        absl::StrCat("session.spec.file: ", file.status().message()));
  }
  return SessionSource{.source = *std::move(file)};
}

}  // namespace tcptool::server
