#include "server/sessions/session_source.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/open_content.h"

namespace tcptool::server {
namespace {

using SourceResult = absl::StatusOr<std::shared_ptr<dataplane::Source>>;

SourceResult OpenFile(const ContentRoot& root, const v1::FileSource& file,
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

// `field`: what errors begin with.
absl::StatusOr<SessionSource> ToSessionSource(absl::string_view field,
                                              const SourceResult& source) {
  if (source.ok()) return SessionSource{.source = *source};
  return absl::Status(source.status().code(),
                      absl::StrCat(field, source.status().message()));
}

}  // namespace

void SourceProvider::Open(
    const v1::SessionSpec& spec, absl::Time unchanged_since,
    std::function<void(absl::StatusOr<SessionSource>)> done) const {
  if (spec.has_upload()) {
    auto stream =
        std::make_shared<dataplane::StreamSource>(upload_window_bytes);
    return done(SessionSource{.source = stream, .upload = stream});
  }
  if (spec.has_reception()) {
    return received.Open(
        spec.reception().name(), spec.compute_sha256(),
        [done = std::move(done)](const SourceResult& source) {
          done(ToSessionSource("session.spec.reception: ", source));
        });
  }
  roots.Run<std::shared_ptr<dataplane::Source>>(
      spec.file().root(),
      [file = spec.file(), unchanged_since](const ContentRoot& root) {
        return OpenFile(root, file, unchanged_since);
      },
      [done = std::move(done)](const SourceResult& source) {
        done(ToSessionSource("session.spec.file: ", source));
      });
}

void SourceProvider::AnswerPending() const {
  roots.AnswerPending();
  received.AnswerPending();
}

}  // namespace tcptool::server
