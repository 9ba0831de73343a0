#include "server/rpc/method_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

void MethodTable::Add(const google::protobuf::MethodDescriptor& method,
                      Role required, NewCall new_call) {
  const google::protobuf::ServiceDescriptor& service = *method.service();
  methods_[absl::StrCat("/", service.full_name(), "/", method.name())] = {
      .required = required, .new_call = std::move(new_call)};
  if (std::ranges::find(services_, &service) == services_.end()) {
    services_.push_back(&service);
  }
}

const MethodTable::Method* MethodTable::Find(absl::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

}  // namespace tcptool::server
