#include "messages/source.h"

#include "absl/strings/str_cat.h"

namespace tcptool {

std::string SourceText(const v1::ReceptionSpec& spec) {
  if (spec.has_upload()) return "upload";
  if (!spec.has_node()) return spec.sender().address();
  return absl::StrCat(spec.node().address(), "/", spec.node().name());
}

}  // namespace tcptool
