#include "server/http/session_texts.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "messages/counts.h"
#include "server/http/html.h"
#include "server/http/status_layout.h"

namespace tcptool::server {

std::string ProgressOf(const v1::Session& session) {
  return Progress(session.name(), "acknowledged", session.bytes_acked(),
                  static_cast<double>(session.content_length()) *
                      static_cast<double>(Takers(session.counts())));
}

std::string SourceOf(const v1::Session& session) {
  if (session.spec().has_upload()) return "an upload";
  if (session.spec().has_reception()) {
    const std::string& name = session.spec().reception().name();
    return LinkTo(name, name);
  }
  const v1::FileSource& file = session.spec().file();
  return IsolatedText(absl::StrCat(file.root(), ": ", file.path()));
}

std::string CountsOf(const v1::Session& session) {
  const v1::RecipientCounts& counts = session.counts();
  std::string text =
      absl::StrCat(counts.delivered(), " of ", Takers(counts), " delivered");
  const auto also = [&text](int32_t count, absl::string_view what) {
    if (count > 0) absl::StrAppend(&text, ", ", count, " ", what);
  };
  also(counts.handshaking(), "handshaking");
  also(counts.ready(), "ready");
  also(counts.failed(), "failed");
  also(counts.rejected(), "rejected");
  also(counts.dropped(), "dropped");
  return text;
}

}  // namespace tcptool::server
