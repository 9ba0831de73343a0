#include "messages/methods.h"

#include <deque>
#include <string>

#include "absl/strings/str_cat.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/file_service.pb.h"
#include "tcptool/v1/node_service.pb.h"
#include "tcptool/v1/reception_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool {
namespace {

struct Paths {
  Paths() {
    for (const auto* file :
         {v1::CreateSessionRequest::descriptor()->file(),
          v1::CreateReceptionRequest::descriptor()->file(),
          v1::CreateDistributionRequest::descriptor()->file(),
          v1::GetNodeRequest::descriptor()->file(),
          v1::ListFilesRequest::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) Add(*file->service(i));
    }
  }

  void Add(const google::protobuf::ServiceDescriptor& service) {
    for (int i = 0; i < service.method_count(); ++i) {
      set.insert(texts.emplace_back(absl::StrCat("/", service.full_name(), "/",
                                                 service.method(i)->name())));
    }
  }

  std::deque<std::string> texts;  // What `set` points to.
  absl::flat_hash_set<absl::string_view> set;
};

}  // namespace

const absl::flat_hash_set<absl::string_view>& ApiMethods() {
  static const Paths& paths = *new Paths();  // Never destroyed.
  return paths.set;
}

}  // namespace tcptool
