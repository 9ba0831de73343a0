#include "server/api/selection.h"

#include <google/protobuf/util/time_util.h>

#include <optional>
#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "dataplane/base/ip_address.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kAnyReception = "receptions/-";

// Of "192.0.2.7:41824", "[2001:db8::7]:41824", or, without a port,
// "fe80::1%eth0". An interface has no place in the rules of an AccessList.
std::optional<asio::ip::address> IpAddressOf(const std::string& address) {
  const std::optional<HostPort> host_port = ParseHostPort(address);
  const std::string& host = host_port ? host_port->host : address;
  return dataplane::ParseIpAddress(host.substr(0, host.find('%')));
}

}  // namespace

bool Contains(const v1::TimeRange& range,
              const google::protobuf::Timestamp& time) {
  return (!range.has_since() || time >= range.since()) &&
         (!range.has_until() || time < range.until());
}

bool IsAtOrBelow(absl::string_view wanted, absl::string_view root,
                 absl::string_view path) {
  if (!absl::ConsumePrefix(&wanted, root)) return false;
  if (wanted.empty()) return true;
  if (!absl::ConsumePrefix(&wanted, "/")) return false;
  if (!absl::ConsumePrefix(&path, wanted)) return false;
  return path.empty() || path.front() == '/';
}

bool SelectsSpec(const v1::SessionFilter& filter, const v1::SessionSpec& spec) {
  const v1::SourceFilter& source = filter.source();
  switch (source.source_case()) {
    case v1::SourceFilter::kFile:
      return spec.has_file() &&
             IsAtOrBelow(source.file(), spec.file().root(), spec.file().path());
    case v1::SourceFilter::kUpload:
      return spec.has_upload();
    case v1::SourceFilter::kReception:
      return spec.has_reception() &&
             (source.reception() == kAnyReception ||
              source.reception() == spec.reception().name());
    case v1::SourceFilter::SOURCE_NOT_SET:
      return true;
  }
  return false;
}

bool SelectsSpec(const v1::ReceptionFilter& filter,
                 const v1::ReceptionSpec& spec) {
  return filter.destination().empty() ||
         IsAtOrBelow(filter.destination(), spec.destination().root(),
                     spec.destination().path());
}

bool SelectsSpec(const v1::DistributionFilter& filter,
                 const v1::DistributionSpec& spec) {
  const v1::FleetSourceFilter& source = filter.source();
  switch (source.source_case()) {
    case v1::FleetSourceFilter::kFile: {
      // NODE, NODE:ROOT or NODE:ROOT/PATH.
      const std::pair<absl::string_view, absl::string_view> wanted =
          absl::StrSplit(source.file(), absl::MaxSplits(':', 1));
      return spec.has_file() && wanted.first == spec.file().node() &&
             (wanted.second.empty() ||
              IsAtOrBelow(wanted.second, spec.file().root(),
                          spec.file().path()));
    }
    case v1::FleetSourceFilter::kUpload:
      return spec.has_upload();
    case v1::FleetSourceFilter::SOURCE_NOT_SET:
      return true;
  }
  return false;
}

RecipientSelection::RecipientSelection(const v1::RecipientFilter& filter)
    : filter_(filter) {
  // Wrong ones were refused.
  for (const std::string& rule : filter.addresses()) {
    addresses_.Add(rule).IgnoreError();
  }
}

bool RecipientSelection::Has(const v1::Recipient& recipient) const {
  if (!IsOneOf(filter_.reasons(), recipient.reason()) ||
      !SelectsEnd(filter_, recipient)) {
    return false;
  }
  if (filter_.has_connect_time() &&
      !(recipient.has_connect_time() &&
        Contains(filter_.connect_time(), recipient.connect_time()))) {
    return false;
  }
  if (!IsOneOf(filter_.identities(), recipient.identity())) return false;
  if (addresses_.empty()) return true;
  const auto address = IpAddressOf(recipient.address());
  return address && addresses_.Allows(*address);
}

}  // namespace tcptool::server
