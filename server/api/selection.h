// What the filters of filters.proto select. They were checked
// (filter_checks.h).
#ifndef TCPTOOL_SERVER_API_SELECTION_H_
#define TCPTOOL_SERVER_API_SELECTION_H_

#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "dataplane/session/access_list.h"
#include "tcptool/v1/distribution.pb.h"
#include "tcptool/v1/filters.pb.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// The values of a repeated field of a request, which may be as long as a
// message and have the same value over and over: for a call that looks at many
// objects.
template <typename Field>
absl::flat_hash_set<typename Field::value_type> SetOf(const Field& field) {
  absl::flat_hash_set<typename Field::value_type> values;
  for (const auto& value : field) values.insert(value);
  return values;
}

// Whether `value` is one of `wanted`, a short repeated field or a SetOf() one,
// which stands for all when it is empty.
template <typename Wanted, typename Value>
bool IsOneOf(const Wanted& wanted, const Value& value) {
  if (wanted.empty()) return true;
  if constexpr (requires { wanted.contains(value); }) {
    return wanted.contains(value);
  } else {
    return std::ranges::find(wanted, value) != wanted.end();
  }
}

bool Contains(const v1::TimeRange& range,
              const google::protobuf::Timestamp& time);

// Whether the file ROOT/PATH is `wanted`, or is below it.
bool IsAtOrBelow(absl::string_view wanted, absl::string_view root,
                 absl::string_view path);

// The rest is the same for sessions, receptions and distributions.

// By what it has from its creation on, and keeps.
template <typename Filter, typename Message>
bool SelectsIdentity(const Filter& filter, const Message& message) {
  const absl::string_view name = message.name();
  return absl::StartsWith(name.substr(name.find('/') + 1),
                          filter.name_prefix()) &&
         (!filter.has_create_time() ||
          Contains(filter.create_time(), message.create_time()));
}

// By its spec.
bool SelectsSpec(const v1::SessionFilter& filter, const v1::SessionSpec& spec);
bool SelectsSpec(const v1::ReceptionFilter& filter,
                 const v1::ReceptionSpec& spec);
bool SelectsSpec(const v1::DistributionFilter& filter,
                 const v1::DistributionSpec& spec);

// By when it has ended.
template <typename Filter, typename Message>
bool SelectsEnd(const Filter& filter, const Message& message) {
  return !filter.has_end_time() ||
         (message.has_end_time() &&
          Contains(filter.end_time(), message.end_time()));
}

// What a filter selects of a list.
template <typename Filter, typename Message, typename Spec>
bool Selects(const Filter& filter, const Message& message, const Spec& spec) {
  return SelectsIdentity(filter, message) && SelectsEnd(filter, message) &&
         SelectsSpec(filter, spec);
}

// A RecipientFilter, its addresses parsed.
class RecipientSelection {
 public:
  RecipientSelection() = default;  // Of all.
  explicit RecipientSelection(const v1::RecipientFilter& filter);

  bool Has(const v1::Recipient& recipient) const;

 private:
  v1::RecipientFilter filter_;
  dataplane::AccessList addresses_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_SELECTION_H_
