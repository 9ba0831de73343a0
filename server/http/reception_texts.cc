#include "server/http/reception_texts.h"

#include "absl/strings/str_cat.h"
#include "messages/source.h"
#include "messages/states.h"
#include "server/http/html.h"
#include "server/http/status_layout.h"

namespace tcptool::server {

std::string ProgressOf(const v1::Reception& reception) {
  return Progress(reception.name(), "received", reception.bytes_received(),
                  reception.content_length());
}

std::string SourceOf(const v1::Reception& reception) {
  return IsolatedText(SourceText(reception.spec()));
}

std::string DestinationOf(const v1::Reception& reception) {
  const v1::FileDestination& file = reception.spec().destination();
  return IsolatedText(absl::StrCat(file.root(), ": ", file.path()));
}

std::string WhyOf(const v1::Reception& reception) {
  if (reception.reason() == v1::RECEPTION_REASON_UNSPECIFIED) {
    return reception.detail();
  }
  return absl::StrCat(ReasonName(reception.reason()),
                      reception.detail().empty() ? "" : ": ",
                      reception.detail());
}

}  // namespace tcptool::server
