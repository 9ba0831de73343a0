#include "server/sessions/session_source.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/open_content.h"

namespace tcptool::server {
namespace {

using FileResult = absl::StatusOr<std::shared_ptr<dataplane::Source>>;

FileResult OpenFile(const ContentRoot& root, const v1::FileSource& file,
                    absl::Time unchanged_since) {
  auto opened = root.Open(file.path());
  if (!opened.ok()) return opened.status();
  const auto state = (*opened)->State();
  if (!state.ok()) return state.status();
  if (state->changed > unchanged_since) {
    return absl::DataLossError(
        absl::StrCat("the file was changed at ",
                     absl::FormatTime(state->changed, absl::UTCTimeZone()),
                     ", and the session serves what it had at ",
                     absl::FormatTime(unchanged_since, absl::UTCTimeZone()),
                     "; create another session for the new content"));
  }
  return dataplane::OpenContent(
      *std::move(opened), static_cast<uint64_t>(file.offset()),
      file.has_length() ? std::optional<uint64_t>(file.length())
                        : std::nullopt);
}

}  // namespace

void OpenSource(const ContentRoots& roots, size_t window_bytes,
                const v1::SessionSpec& spec, absl::Time unchanged_since,
                std::function<void(absl::StatusOr<SessionSource>)> done) {
  if (spec.has_upload()) {
    auto stream = std::make_shared<dataplane::StreamSource>(window_bytes);
    return done(SessionSource{.source = stream, .upload = stream});
  }
  roots.Run<std::shared_ptr<dataplane::Source>>(
      spec.file().root(),
      [file = spec.file(), unchanged_since](const ContentRoot& root) {
        return OpenFile(root, file, unchanged_since);
      },
      [done = std::move(done)](FileResult file) {
        if (file.ok()) return done(SessionSource{.source = *std::move(file)});
        done(absl::Status(
            file.status().code(),
            absl::StrCat("session.spec.file: ", file.status().message())));
      });
}

}  // namespace tcptool::server
