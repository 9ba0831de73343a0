#include "server/sessions/session_source.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/open_content.h"

namespace tcptool::server {
namespace {

using dataplane::FileState;
using SourceResult = absl::StatusOr<std::shared_ptr<dataplane::Source>>;

std::string At(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

// Not the device, whose number may be another one after each mount.
std::string ContentOf(const FileState& state) {
  return absl::StrCat("inode ", state.inode, ", ", state.size,
                      " bytes, written to at ", At(state.modified),
                      ", changed at ", At(state.changed));
}

absl::StatusOr<SessionSource> OpenFile(
    const ContentRoot& root, const v1::FileSource& file,
    const std::optional<std::string>& content) {
  auto opened = root.Open(file.path());
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<FileState> state = (*opened)->State();
  if (!state.ok()) return state.status();
  SessionSource source = {.content = ContentOf(*state)};
  if (content && source.content != *content) {
    return absl::DataLossError(
        absl::StrCat("the session serves a content that the file has no more (",
                     *content, "; now ", source.content,
                     "); create another session for the new content"));
  }
  auto opened_source = dataplane::OpenContent(
      *std::move(opened), static_cast<uint64_t>(file.offset()),
      file.has_length() ? std::optional<uint64_t>(file.length())
                        : std::nullopt);
  if (!opened_source.ok()) return opened_source.status();
  source.source = *std::move(opened_source);
  return source;
}

// `field`: what errors begin with.
absl::Status Named(absl::string_view field, const absl::Status& error) {
  return {error.code(), absl::StrCat(field, error.message())};
}

}  // namespace

void SourceProvider::Open(
    const v1::SessionSpec& spec, const std::optional<std::string>& content,
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
          if (source.ok()) return done(SessionSource{.source = *source});
          done(Named("session.spec.reception: ", source.status()));
        });
  }
  roots.Run<SessionSource>(
      spec.file().root(),
      [file = spec.file(), content](const ContentRoot& root) {
        return OpenFile(root, file, content);
      },
      [done = std::move(done)](absl::StatusOr<SessionSource> source) {
        if (source.ok()) return done(*std::move(source));
        done(Named("session.spec.file: ", source.status()));
      });
}

void SourceProvider::AnswerPending() const {
  roots.AnswerPending();
  received.AnswerPending();
}

}  // namespace tcptool::server
