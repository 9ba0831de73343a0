// Which sessions, or receptions, a request selects, what it wants of each, and
// the error where one does not exist.
#ifndef TCPTOOL_SERVER_WATCH_SESSION_FILTER_H_
#define TCPTOOL_SERVER_WATCH_SESSION_FILTER_H_

#include <algorithm>
#include <map>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/api/errors.h"
#include "server/api/selection.h"
#include "tcptool/v1/view.pb.h"

namespace tcptool::server {

// Which changes a watcher wants. `Selection`: the filter of its request,
// v1::SessionFilter or the like.
template <typename Selection>
struct WatchFilter {
  absl::flat_hash_set<std::string> names;  // Empty: all.
  std::map<std::string, std::string> labels;
  v1::View view = v1::VIEW_FULL;
  Selection selection{};
};
struct SessionFilter : WatchFilter<v1::SessionFilter> {
  bool include_recipients = false;
  RecipientSelection recipients{};
};

// What a view has of a spec.
template <typename Spec>
Spec SpecIn(v1::View view, const Spec& spec) {
  if (view != v1::VIEW_BASIC) return spec;
  Spec basic;
  if constexpr (requires { spec.labels(); }) {
    *basic.mutable_labels() = spec.labels();
  }
  return basic;
}

template <typename Spec, typename Labels>
bool HasLabels(const Spec& spec, const Labels& wanted) {
  const auto& labels = spec.labels();
  return std::ranges::all_of(wanted, [&labels](const auto& label) {
    const auto found = labels.find(label.first);
    return found != labels.end() && found->second == label.second;
  });
}

// By what is known of it without its spec, and never changes.
template <typename Selection, typename Message>
bool MatchesIdentity(const WatchFilter<Selection>& filter,
                     const Message& message) {
  return (filter.names.empty() || filter.names.contains(message.name())) &&
         SelectsIdentity(filter.selection, message);
}

// By all but labels, which are all that may come to match, or no longer.
template <typename Selection, typename Message, typename Spec>
bool MatchesButForLabels(const WatchFilter<Selection>& filter,
                         const Message& message, const Spec& spec) {
  return MatchesIdentity(filter, message) &&
         SelectsSpec(filter.selection, spec);
}

template <typename Selection, typename Message, typename Spec>
bool Matches(const WatchFilter<Selection>& filter, const Message& message,
             const Spec& spec) {
  return HasLabels(spec, filter.labels) &&
         MatchesButForLabels(filter, message, spec);
}

// Whether what the filter matches is in a snapshot: all that had not ended when
// the snapshot began, so that its end will be told. `has_changed`: since then.
template <typename Selection, typename Message>
bool IsInSnapshot(const WatchFilter<Selection>& filter, const Message& message,
                  bool has_changed) {
  return !message.has_end_time() || has_changed ||
         SelectsEnd(filter.selection, message);
}

inline absl::Status NoSuchReception(absl::string_view name) {
  return NotFound(v1::ERROR_REASON_RESOURCE_NOT_FOUND, kReceptionType, name,
                  absl::StrCat("there is no reception \"", name,
                               "\"; names look like receptions/ID"));
}

inline absl::Status NoSuchSession(absl::string_view name) {
  return NotFound(v1::ERROR_REASON_RESOURCE_NOT_FOUND, kSessionType, name,
                  absl::StrCat("there is no session \"", name,
                               "\"; names look like sessions/ID"));
}

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_WATCH_SESSION_FILTER_H_
