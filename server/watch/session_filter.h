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
#include "tcptool/v1/view.pb.h"

namespace tcptool::server {

// Which changes a watcher wants.
struct WatchFilter {
  absl::flat_hash_set<std::string> names;  // Empty: all.
  std::map<std::string, std::string> labels;
};
struct SessionFilter : WatchFilter {
  bool include_recipients = false;
  v1::View view = v1::VIEW_FULL;
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

inline bool MatchesName(const WatchFilter& filter, const std::string& name) {
  return filter.names.empty() || filter.names.contains(name);
}

template <typename Spec>
bool Matches(const WatchFilter& filter, const std::string& name,
             const Spec& spec) {
  return MatchesName(filter, name) && HasLabels(spec, filter.labels);
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
