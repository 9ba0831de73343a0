#include "server/sessions/session_source.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/content/open_content.h"
#include "dataplane/receiving/received_file_source.h"
#include "server/api/errors.h"
#include "server/api/invalid_field.h"
#include "server/api/reception_spec.h"

namespace tcptool::server {
namespace {

using dataplane::FileState;
using dataplane::ReceivedFile;
using SourceResult = absl::StatusOr<std::shared_ptr<dataplane::Source>>;

std::string At(absl::Time time) {
  return absl::FormatTime(absl::RFC3339_full, time, absl::UTCTimeZone());
}

// Not the device, whose number may be another one after each mount. Empty where
// the state says nothing of the content.
std::string ContentOf(const FileState& state) {
  if (state.size_is_nominal) return "";
  return absl::StrCat("inode ", state.inode, ", ", state.size,
                      " bytes, written to at ", At(state.modified),
                      ", changed at ", At(state.changed));
}

// OK: it is the content of that state, or any will do.
absl::Status CheckContent(const FileState& state,
                          const std::optional<std::string>& content) {
  if (!content || ContentOf(state) == *content) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("the session serves a content that the file has no more (",
                   *content, "; now ", ContentOf(state),
                   "); create another session for the new content"));
}

// `error`: of asking for the file's state.
absl::Status StateError(const v1::FileSource& file, const absl::Status& error) {
  if (!absl::IsFailedPrecondition(error)) return error;
  return FailedPrecondition(v1::ERROR_REASON_DEVICE_EMPTY,
                            absl::StrCat(file.root(), "/", file.path()),
                            error.message());
}

// `error`: of what `field` names.
absl::Status ErrorOf(absl::string_view field, const absl::Status& error) {
  if (absl::IsInvalidArgument(error)) {
    return InvalidField(field, error.message());
  }
  return Prefixed(absl::StrCat(field, ": "), error);
}

std::optional<absl::Time> ModifiedOf(const FileState& state) {
  // A block device has no time, and of procfs and the like it says nothing.
  const bool has_time = state.inode != 0 && !state.size_is_nominal;
  return has_time ? std::optional(state.modified) : std::nullopt;
}

// `sha256`: as FileSource and UploadSource have it.
void Expect(const std::string& sha256, dataplane::Source& source) {
  if (const auto digest = ToDigest(sha256)) source.digest().Expect(*digest);
}

SessionSource OpenUpload(const v1::UploadSource& upload, size_t window) {
  auto stream = std::make_shared<dataplane::StreamSource>(window);
  if (upload.has_length()) {
    stream->ExpectLength(static_cast<uint64_t>(upload.length()));
  }
  Expect(upload.expected_sha256(), *stream);
  return {.source = stream, .upload = stream};
}

absl::StatusOr<SessionSource> OpenFile(
    const ContentRoot& root, const v1::FileSource& file,
    const std::optional<std::string>& content) {
  auto opened = root.Open(file.path());
  if (!opened.ok()) return opened.status();
  const absl::StatusOr<FileState> state = (*opened)->State();
  if (!state.ok()) return StateError(file, state.status());
  if (absl::Status status = CheckContent(*state, content); !status.ok()) {
    return status;
  }
  auto opened_source = dataplane::OpenContent(
      *std::move(opened), static_cast<uint64_t>(file.offset()),
      file.has_length() ? std::optional<uint64_t>(file.length()) : std::nullopt,
      dataplane::FileSource::LostName::kFails);
  if (absl::IsOutOfRange(opened_source.status())) {
    return WithReason(opened_source.status(), v1::ERROR_REASON_OUTSIDE_OF_FILE);
  }
  if (!opened_source.ok()) return opened_source.status();
  Expect(file.expected_sha256(), **opened_source);
  return SessionSource{.source = *std::move(opened_source),
                       .content = ContentOf(*state),
                       .modified = ModifiedOf(*state)};
}

// One whose root is to be checked.
absl::StatusOr<ReceivedFile> OpenWhole(
    const ContentRoot& root, const v1::FileSource& file,
    const std::optional<std::string>& content) {
  auto opened = root.Open(file.path());
  if (!opened.ok()) return opened.status();
  auto whole = ReceivedFile::Open(*std::move(opened));
  if (!whole.ok()) return StateError(file, whole.status());
  if (absl::Status status = CheckContent(whole->state, content); !status.ok()) {
    return status;
  }
  return whole;
}

}  // namespace

void SourceProvider::Open(
    const v1::SessionSpec& spec, const std::optional<std::string>& content,
    std::function<void(absl::StatusOr<SessionSource>)> done) const {
  if (spec.has_upload()) {
    return done(OpenUpload(spec.upload(), upload_window_bytes));
  }
  if (spec.has_reception()) {
    return received.Open(
        spec.reception().name(), spec.compute_sha256(),
        [done = std::move(done)](const SourceResult& source) {
          if (source.ok()) return done(SessionSource{.source = *source});
          done(ErrorOf("session.spec.reception", source.status()));
        });
  }
  if (const auto root = ToDigest(spec.file().expected_root())) {
    return roots.Run<ReceivedFile>(
        spec.file().root(),
        [file = spec.file(), content](const ContentRoot& from) {
          return OpenWhole(from, file, content);
        },
        [&engine = engine, root = *root, sha256 = spec.file().expected_sha256(),
         done = std::move(done)](absl::StatusOr<ReceivedFile> file) {
          if (!file.ok()) {
            return done(ErrorOf("session.spec.file", file.status()));
          }
          SessionSource source = {.content = ContentOf(file->state),
                                  .modified = ModifiedOf(file->state)};
          source.source = engine.SourceOf(*std::move(file), root);
          Expect(sha256, *source.source);
          done(std::move(source));
        });
  }
  roots.Run<SessionSource>(
      spec.file().root(),
      [file = spec.file(), content](const ContentRoot& root) {
        return OpenFile(root, file, content);
      },
      [done = std::move(done)](absl::StatusOr<SessionSource> source) {
        if (source.ok()) return done(*std::move(source));
        done(ErrorOf("session.spec.file", source.status()));
      });
}

void SourceProvider::AnswerPending() const {
  roots.AnswerPending();
  received.AnswerPending();
}

}  // namespace tcptool::server
