#include "server/api/spec.h"

#include <algorithm>
#include <functional>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/api/names.h"
#include "server/api/reception_spec.h"
#include "server/api/spec_checker.h"

namespace tcptool::server {
namespace {

constexpr size_t kMaxRules = 1000;
constexpr size_t kMaxExpected = 10'000;
constexpr int64_t kMaxLength = int64_t{1} << 62;

// The SHA-256 that the content of the source at `field` has to have: it is
// computed then.
template <typename Source>
void CheckSha256(absl::string_view field, Source& source, v1::SessionSpec& spec,
                 SpecChecker& check) {
  if (source.expected_sha256().empty()) return;
  const auto digest = ToDigest(source.expected_sha256());
  if (!digest) {
    return check.Wrong(absl::StrCat(field, ".expected_sha256"),
                       absl::StrCat("\"", source.expected_sha256(),
                                    "\" is not 64 hexadecimal digits"));
  }
  source.set_expected_sha256(dataplane::ToHex(*digest));
  spec.set_compute_sha256(true);
}

void CheckUpload(v1::UploadSource& upload, v1::SessionSpec& spec,
                 SpecChecker& check) {
  if (spec.start().immediate()) {
    check.Wrong("start.immediate",
                "an upload cannot be served again to those who come later; "
                "choose a file");
  }
  check.InRange("upload.length", upload.length(), int64_t{0}, kMaxLength);
  CheckSha256("upload", upload, spec, check);
}

void CheckSource(v1::SessionSpec& spec, SpecChecker& check) {
  if (spec.source_case() == v1::SessionSpec::SOURCE_NOT_SET) {
    return check.Wrong("file",
                       "the session has no source; give a root and a path, a "
                       "reception, or an upload");
  }
  if (spec.has_upload()) {
    return CheckUpload(*spec.mutable_upload(), spec, check);
  }
  if (spec.has_reception()) {
    if (!IsReceptionName(spec.reception().name())) {
      check.Wrong("reception.name",
                  absl::StrCat("\"", spec.reception().name(),
                               "\" is no reception's name; write it as "
                               "receptions/ID"));
    }
    return;
  }
  v1::FileSource& file = *spec.mutable_file();
  check.Path("file", file.root(), file.path());
  CheckSha256("file", file, spec, check);
  if (file.offset() < 0) check.Wrong("file.offset", "it is negative");
  if (file.length() < 0) check.Wrong("file.length", "it is negative");
  if (file.expected_root().empty()) return;
  if (!ToDigest(file.expected_root())) {
    check.Wrong("file.expected_root",
                absl::StrCat("\"", file.expected_root(),
                             "\" is not 64 hexadecimal digits"));
  }
  if (file.offset() != 0 || file.has_length()) {
    check.Wrong("file.expected_root",
                "it is that of the whole file; give no offset, and no length");
  }
}

// Of wrong rules, a list that allows everybody, so that nobody who is expected
// is found wrong for their sake.
dataplane::AccessList ToAccessList(const v1::SessionSpec& spec,
                                   SpecChecker& check) {
  if (static_cast<size_t>(spec.allow_size()) > kMaxRules) {
    check.Wrong("allow", absl::StrCat("there are more than ", kMaxRules));
    return {};
  }
  dataplane::AccessList allow;
  bool all_are_rules = true;
  for (int i = 0; i < spec.allow_size(); ++i) {
    if (absl::Status status = allow.Add(spec.allow(i)); !status.ok()) {
      check.Wrong(absl::StrCat("allow[", i, "]"), status.message());
      all_are_rules = false;
    }
  }
  return all_are_rules ? allow : dataplane::AccessList();
}

dataplane::StartPolicy ToStartPolicy(v1::SessionSpec& spec,
                                     absl::Duration expire_after,
                                     int32_t max_recipients,
                                     SpecChecker& check) {
  v1::StartPolicy& start = *spec.mutable_start();
  const int32_t most =
      spec.max_recipients() > 0 ? spec.max_recipients() : max_recipients;
  dataplane::StartPolicy policy{
      .immediate = start.immediate(),
      .ignore_start_byte = start.ignore_start_byte(),
      .end_when_expected_delivered = start.end_when_expected_delivered(),
  };
  if (start.end_when_expected_delivered() &&
      (!start.immediate() || spec.expected().empty())) {
    check.Wrong("start.end_when_expected_delivered",
                "it needs start.immediate and expected recipients");
  }
  if (start.immediate() &&
      (start.ignore_start_byte() || start.min_recipients() != 0 ||
       start.has_max_wait())) {
    check.Wrong("start.immediate",
                "an immediate session has no other start condition");
  }
  check.InRange("start.min_recipients", start.min_recipients(), 0, most);
  if (start.has_max_wait()) {
    policy.max_wait =
        check.InRange("start.max_wait", start, &v1::StartPolicy::has_max_wait,
                      &v1::StartPolicy::mutable_max_wait, {},
                      absl::ZeroDuration(), expire_after);
    if (start.min_recipients() == 0) start.set_min_recipients(1);
  } else if (start.min_recipients() != 0) {
    check.Wrong("start.min_recipients", "it needs start.max_wait");
  }
  policy.min_recipients = start.min_recipients();
  return policy;
}

std::vector<dataplane::ExpectedRecipient> ToExpected(
    const v1::SessionSpec& spec, const dataplane::AccessList& allow,
    SpecChecker& check) {
  std::vector<dataplane::ExpectedRecipient> expected;
  const size_t most =
      spec.max_recipients() > 0
          ? std::min<size_t>(spec.max_recipients(), kMaxExpected)
          : kMaxExpected;
  if (static_cast<size_t>(spec.expected_size()) > most) {
    check.Wrong("expected", absl::StrCat("there are more than ", most));
    return expected;
  }
  for (int i = 0; i < spec.expected_size(); ++i) {
    const std::string field = absl::StrCat("expected[", i, "]");
    const std::string address_field = absl::StrCat(field, ".address");
    const v1::ExpectedRecipient& recipient = spec.expected(i);
    if (recipient.label().size() > SpecChecker::kMaxLabelBytes) {
      check.Wrong(absl::StrCat(field, ".label"),
                  absl::StrCat("it is longer than ",
                               SpecChecker::kMaxLabelBytes, " bytes"));
    }
    dataplane::ExpectedRecipient& added = expected.emplace_back();
    added.identity = recipient.identity();
    added.label = recipient.label();
    added.id = static_cast<uint64_t>(recipient.number());
    if (!recipient.identity().empty()) continue;
    const auto address = check.Address(address_field, recipient.address());
    added.address = address;
    if (address.is_v6() && address.to_v6().is_link_local() &&
        address.to_v6().scope_id() == 0) {
      check.Wrong(address_field,
                  absl::StrCat(recipient.address(),
                               " is link-local: name the interface that it is "
                               "on, as ",
                               recipient.address(), "%eth0"));
    }
    if (!allow.Allows(address)) {
      check.Wrong(address_field, absl::StrCat("no rule in allow matches ",
                                              recipient.address()));
    }
  }
  return expected;
}

dataplane::Limits ToLimits(v1::SessionSpec& spec, SpecChecker& check) {
  v1::Limits& from = *spec.mutable_limits();
  const dataplane::Limits defaults;
  constexpr auto kLeast = absl::Milliseconds(100);
  constexpr auto kDay = absl::Hours(24);
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  dataplane::Limits limits;
  limits.handshake_timeout = check.InRange(
      "limits.handshake_timeout", from, &v1::Limits::has_handshake_timeout,
      &v1::Limits::mutable_handshake_timeout, defaults.handshake_timeout,
      kLeast, absl::Hours(1));
  limits.stall_timeout = check.InRange(
      "limits.stall_timeout", from, &v1::Limits::has_stall_timeout,
      &v1::Limits::mutable_stall_timeout, defaults.stall_timeout, kLeast, kDay);
  limits.confirm_timeout = check.InRange(
      "limits.confirm_timeout", from, &v1::Limits::has_confirm_timeout,
      &v1::Limits::mutable_confirm_timeout, defaults.confirm_timeout, kLeast,
      kDay);
  limits.acknowledge_timeout = check.InRange(
      "limits.acknowledge_timeout", from, &v1::Limits::has_acknowledge_timeout,
      &v1::Limits::mutable_acknowledge_timeout, defaults.acknowledge_timeout,
      kLeast, kDay);
  limits.dead_timeout =
      check.InRange("limits.dead_timeout", from, &v1::Limits::has_dead_timeout,
                    &v1::Limits::mutable_dead_timeout, defaults.dead_timeout,
                    absl::Seconds(1), kDay);
  limits.max_lag_bytes = check.InRange("limits.max_lag_bytes",
                                       from.max_lag_bytes(), int64_t{0}, kMax);
  limits.recipient_bytes_per_second =
      check.InRange("limits.recipient_bytes_per_second",
                    from.recipient_bytes_per_second(), int64_t{0}, kMax);
  limits.session_bytes_per_second =
      check.InRange("limits.session_bytes_per_second",
                    from.session_bytes_per_second(), int64_t{0}, kMax);
  return limits;
}

void CheckGrowth(const v1::SessionSpec& before, const v1::SessionSpec& spec,
                 SpecChecker& check) {
  const auto begins_with = [](const auto& all, const auto& first, auto same) {
    return all.size() >= first.size() &&
           std::equal(first.begin(), first.end(), all.begin(), same);
  };
  if (!begins_with(spec.allow(), before.allow(), std::equal_to<>()) ||
      (before.allow().empty() && !spec.allow().empty())) {
    check.Wrong("allow", before.allow().empty()
                             ? "it may only grow: everybody is allowed already"
                             : "it may only grow; begin with the rules that "
                               "the session has");
  }
  if (!begins_with(spec.expected(), before.expected(),
                   [](const auto& one, const auto& other) {
                     return one.address() == other.address() &&
                            one.identity() == other.identity() &&
                            one.label() == other.label();
                   })) {
    check.Wrong("expected",
                "it may only grow; begin with those that the session expects");
  }
}

// What UpdateSession changes.
void ToChangeable(v1::SessionSpec& spec, SpecChecker& check,
                  dataplane::SessionOptions& options) {
  constexpr auto kSecond = absl::Seconds(1);
  constexpr auto kYear = absl::Hours(8760);
  options.allow = ToAccessList(spec, check);
  options.expire_after = check.InRange(
      "expire_after", spec, &v1::SessionSpec::has_expire_after,
      &v1::SessionSpec::mutable_expire_after, absl::Hours(24), kSecond, kYear);
  check.InRange("retention", spec, &v1::SessionSpec::has_retention,
                &v1::SessionSpec::mutable_retention, absl::Hours(168), kSecond,
                kYear);
  options.expected = ToExpected(spec, options.allow, check);
  CheckEncryption(spec, check);
  options.limits = ToLimits(spec, check);
  check.Labels("labels", spec.labels());
}

}  // namespace

void NumberExpected(v1::SessionSpec& spec) {
  int64_t number = 0;
  for (v1::ExpectedRecipient& recipient : *spec.mutable_expected()) {
    recipient.set_number(++number);
  }
}

absl::StatusOr<dataplane::SessionOptions> ToChangedOptions(
    const SpecRules& rules, const v1::SessionSpec& before,
    v1::SessionSpec& spec) {
  SpecChecker check("session.spec.");
  dataplane::SessionOptions options;
  CheckGrowth(before, spec, check);
  for (int i = 0; i < spec.expected_size(); ++i) {
    spec.mutable_expected(i)->set_number(
        i < before.expected_size() ? before.expected(i).number() : 0);
  }
  ToChangeable(spec, check, options);
  if (spec.start().has_max_wait() &&
      ToDuration(spec.start().max_wait()) > options.expire_after) {
    check.Wrong("expire_after",
                absl::StrCat(
                    "it is less than start.max_wait, ",
                    absl::FormatDuration(ToDuration(spec.start().max_wait()))));
  }
  if (!check.ok()) return check.status();
  if (spec.expected_size() > before.expected_size()) {
    const auto tls = ToTls(rules.data_tls, spec);
    if (!tls.ok()) return tls.status();
  }
  return options;
}

absl::StatusOr<dataplane::SessionOptions> ToOptions(const SpecRules& rules,
                                                    v1::SessionSpec& spec) {
  SpecChecker check("session.spec.");
  dataplane::SessionOptions options;
  CheckSource(spec, check);
  v1::Listener& listener = *spec.mutable_listener();
  if (listener.bind_address().empty()) {
    listener.set_bind_address(rules.data_address.to_string());
  }
  options.bind_address =
      check.Address("listener.bind_address", listener.bind_address());
  if (listener.port() != 0) {
    check.InRange<int32_t>("listener.port", listener.port(), rules.first_port,
                           rules.last_port);
  }
  options.port = static_cast<uint16_t>(listener.port());
  options.max_recipients = check.InRange(
      "max_recipients", spec.max_recipients(), 0, rules.max_recipients);
  options.compute_sha256 = spec.compute_sha256();
  ToChangeable(spec, check, options);
  options.start =
      ToStartPolicy(spec, options.expire_after, rules.max_recipients, check);
  if (!check.ok()) return check.status();
  auto tls = ToTls(rules.data_tls, spec);
  if (!tls.ok()) return tls.status();
  options.tls = *std::move(tls);
  return options;
}

}  // namespace tcptool::server
