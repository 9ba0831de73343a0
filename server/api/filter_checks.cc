#include "server/api/filter_checks.h"

#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/session/access_list.h"
#include "server/api/encryption.h"
#include "server/api/names.h"
#include "server/api/spec_checker.h"

namespace tcptool::server {
namespace {

using google::protobuf::util::TimeUtil;

constexpr int kMaxReasons = 100;
constexpr int kMaxAddresses = 100;
constexpr int kMaxIdentities = 100;
// A root's name, a slash and a path.
constexpr size_t kMaxFileBytes = 255 + 1 + SpecChecker::kMaxPathBytes;
constexpr size_t kMaxNodeBytes = 64;
constexpr absl::string_view kFileForm = "ROOT or ROOT/PATH";
constexpr absl::string_view kFleetFileForm =
    "NODE, NODE:ROOT or NODE:ROOT/PATH";
constexpr int32_t kMaxNanos = 999'999'999;

// `path`: of the range. Where `time` is not set it is 1970, which is right.
void CheckTime(absl::string_view path, absl::string_view field,
               const google::protobuf::Timestamp& time, InvalidFields& wrong) {
  if (time.seconds() < TimeUtil::kTimestampMinSeconds ||
      time.seconds() > TimeUtil::kTimestampMaxSeconds || time.nanos() < 0 ||
      time.nanos() > kMaxNanos) {
    wrong.Add(absl::StrCat(path, ".", field),
              "it is no time of the years 1 to 9999");
  }
}

void CheckRange(absl::string_view path, const v1::TimeRange& range,
                InvalidFields& wrong) {
  CheckTime(path, "since", range.since(), wrong);
  CheckTime(path, "until", range.until(), wrong);
  if (range.has_since() && range.has_until() && range.until() < range.since()) {
    wrong.Add(absl::StrCat(path, ".until"), "it is before `since`");
  }
}

void CheckNamePrefix(absl::string_view path, const std::string& prefix,
                     InvalidFields& wrong) {
  // It may end where an id may not: with a '-'.
  if (prefix.empty() || IsResourceId(prefix) ||
      IsResourceId(absl::StrCat(prefix, "a"))) {
    return;
  }
  wrong.Add(path,
            "no name's last part begins so: those are 1 to 63 characters "
            "of a-z, 0-9 and '-', the first a letter");
}

// `form`: how the whole field is written.
void CheckFile(absl::string_view path, absl::string_view file,
               absl::string_view form, InvalidFields& wrong) {
  if (file.size() > kMaxFileBytes) {
    wrong.Add(path, absl::StrCat("it has more than ", kMaxFileBytes, " bytes"));
  } else if (file.empty() || absl::StartsWith(file, "/") ||
             absl::EndsWith(file, "/")) {
    wrong.Add(path, absl::StrCat("write it as ", form));
  }
}

// `path`: of the source.
void CheckUpload(absl::string_view path, bool upload, InvalidFields& wrong) {
  if (upload) return;
  wrong.Add(absl::StrCat(path, ".upload"),
            "it is false; set it, or choose another source");
}

void CheckSource(absl::string_view path, const v1::SourceFilter& source,
                 InvalidFields& wrong) {
  switch (source.source_case()) {
    case v1::SourceFilter::kFile:
      return CheckFile(absl::StrCat(path, ".file"), source.file(), kFileForm,
                       wrong);
    case v1::SourceFilter::kUpload:
      return CheckUpload(path, source.upload(), wrong);
    case v1::SourceFilter::kReception:
      if (!IsReceptionName(source.reception()) &&
          source.reception() != "receptions/-") {
        wrong.Add(
            absl::StrCat(path, ".reception"),
            "it is no reception's name; they look like receptions/ID, and "
            "receptions/- is any");
      }
      return;
    case v1::SourceFilter::SOURCE_NOT_SET:
      wrong.Add(path, "it has neither file, upload nor reception");
  }
}

void CheckSource(absl::string_view path, const v1::FleetSourceFilter& source,
                 InvalidFields& wrong) {
  switch (source.source_case()) {
    case v1::FleetSourceFilter::kFile: {
      const std::string& file = source.file();
      const size_t colon = file.find(':');
      const size_t node_bytes = std::min(colon, file.size());
      if (node_bytes == 0 || node_bytes > kMaxNodeBytes) {
        wrong.Add(absl::StrCat(path, ".file"),
                  absl::StrCat("it begins with no node's name; write it as ",
                               kFleetFileForm));
      } else if (colon != std::string::npos) {
        CheckFile(absl::StrCat(path, ".file"), file.substr(colon + 1),
                  kFleetFileForm, wrong);
      }
      return;
    }
    case v1::FleetSourceFilter::kUpload:
      return CheckUpload(path, source.upload(), wrong);
    case v1::FleetSourceFilter::SOURCE_NOT_SET:
      wrong.Add(path, "it has neither file nor upload");
  }
}

template <typename Reasons>
void CheckReasons(absl::string_view path, const Reasons& reasons,
                  bool (*is_valid)(int), InvalidFields& wrong) {
  if (reasons.size() > kMaxReasons) {
    wrong.Add(path, absl::StrCat("there are more than ", kMaxReasons));
  }
  for (int i = 0; i < std::min(reasons.size(), kMaxReasons); ++i) {
    if (reasons.Get(i) == 0 || !is_valid(reasons.Get(i))) {
      wrong.Add(absl::StrCat(path, "[", i, "]"),
                absl::StrCat(reasons.Get(i), " is no reason"));
    }
  }
}

}  // namespace

void CheckFilter(const v1::SessionFilter& filter, InvalidFields& wrong) {
  CheckRange("session_filter.create_time", filter.create_time(), wrong);
  CheckRange("session_filter.end_time", filter.end_time(), wrong);
  if (filter.has_source()) {
    CheckSource("session_filter.source", filter.source(), wrong);
  }
  CheckNamePrefix("session_filter.name_prefix", filter.name_prefix(), wrong);
}

void CheckFilter(const v1::RecipientFilter& filter, InvalidFields& wrong) {
  CheckRange("recipient_filter.connect_time", filter.connect_time(), wrong);
  CheckRange("recipient_filter.end_time", filter.end_time(), wrong);
  CheckReasons("recipient_filter.reasons", filter.reasons(),
               v1::RecipientReason_IsValid, wrong);
  if (filter.addresses_size() > kMaxAddresses) {
    wrong.Add("recipient_filter.addresses",
              absl::StrCat("there are more than ", kMaxAddresses));
  }
  dataplane::AccessList addresses;
  for (int i = 0; i < std::min(filter.addresses_size(), kMaxAddresses); ++i) {
    const absl::Status added = addresses.Add(filter.addresses(i));
    if (!added.ok()) {
      wrong.Add(absl::StrCat("recipient_filter.addresses[", i, "]"),
                added.message());
    }
  }
  if (filter.identities_size() > kMaxIdentities) {
    wrong.Add("recipient_filter.identities",
              absl::StrCat("there are more than ", kMaxIdentities));
  }
  for (int i = 0; i < std::min(filter.identities_size(), kMaxIdentities); ++i) {
    const std::string why = WhyNoCertificateName(filter.identities(i));
    if (!why.empty()) {
      wrong.Add(absl::StrCat("recipient_filter.identities[", i, "]"), why);
    }
  }
}

void CheckFilter(const v1::ReceptionFilter& filter, InvalidFields& wrong) {
  CheckRange("reception_filter.create_time", filter.create_time(), wrong);
  CheckRange("reception_filter.end_time", filter.end_time(), wrong);
  if (!filter.destination().empty()) {
    CheckFile("reception_filter.destination", filter.destination(), kFileForm,
              wrong);
  }
  CheckNamePrefix("reception_filter.name_prefix", filter.name_prefix(), wrong);
  CheckReasons("reception_filter.reasons", filter.reasons(),
               v1::ReceptionReason_IsValid, wrong);
}

void CheckFilter(const v1::DistributionFilter& filter, InvalidFields& wrong) {
  CheckRange("distribution_filter.create_time", filter.create_time(), wrong);
  CheckRange("distribution_filter.end_time", filter.end_time(), wrong);
  CheckNamePrefix("distribution_filter.name_prefix", filter.name_prefix(),
                  wrong);
  if (filter.has_source()) {
    CheckSource("distribution_filter.source", filter.source(), wrong);
  }
}

}  // namespace tcptool::server
