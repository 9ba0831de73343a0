#include "client/tcptoolctl/update_flags.h"

#include <google/protobuf/util/field_mask_util.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "client/tcptoolctl/expect_flag.h"
#include "client/tcptoolctl/flag_values.h"

namespace tcptool {
namespace {

using google::protobuf::util::FieldMaskUtil;

constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr absl::Duration kYear = absl::Hours(8760);

constexpr char kLabels[] = "spec.labels";
constexpr char kAllow[] = "spec.allow";
constexpr char kExpected[] = "spec.expected";

// The spec, of which the field at `path` is to change.
v1::SessionSpec& Changed(UpdateFlags& flags, const std::string& path) {
  auto& mask = *flags.request.mutable_update_mask();
  if (!FieldMaskUtil::IsPathInFieldMask(path, mask)) mask.add_paths(path);
  return *flags.request.mutable_session()->mutable_spec();
}

void AddListFlags(CLI::App& changes, UpdateFlags& flags) {
  AddLabels(changes, "Set a label", [&flags](const Pair& label) {
    (*Changed(flags, kLabels).mutable_labels())[label.first] = label.second;
  });
  AddList(changes, "--allow", "RULE",
          "Who may connect too: an address, ADDR/BITS or ADDR/MASK",
          [&flags](const std::string& rule) {
            Changed(flags, kAllow).add_allow(rule);
          });
  AddExpect(changes, "A recipient to wait for too",
            [&flags] { return Changed(flags, kExpected).add_expected(); });
}

}  // namespace

void AddUpdateFlags(CLI::App& command, UpdateFlags& flags) {
  CLI::Option_group& changes =
      *command.add_option_group("Changes", "What to change");
  changes.require_option(1, 0);
  AddListFlags(changes, flags);
  AddNumber(changes, "--recipient-rate", kMaxInt64,
            "Bytes per second to each recipient at most; 0: no limit",
            [&flags](int64_t n) {
              Changed(flags, "spec.limits.recipient_bytes_per_second")
                  .mutable_limits()
                  ->set_recipient_bytes_per_second(n);
            });
  AddNumber(changes, "--session-rate", kMaxInt64,
            "Bytes per second to all recipients together; 0: no limit",
            [&flags](int64_t n) {
              Changed(flags, "spec.limits.session_bytes_per_second")
                  .mutable_limits()
                  ->set_session_bytes_per_second(n);
            });
  AddDuration(
      changes, "--expire-after", absl::Seconds(1), kYear,
      "End the session if it has not started by then, counted from "
      "its creation",
      [&flags] {
        return Changed(flags, "spec.expire_after").mutable_expire_after();
      });
  AddDuration(changes, "--retention", absl::Seconds(1), kYear,
              "How long to remember the session after its end", [&flags] {
                return Changed(flags, "spec.retention").mutable_retention();
              });
}

void AddToLists(const v1::Session& session, v1::UpdateSessionRequest& request) {
  const auto adds_to = [&request](const char* path) {
    return FieldMaskUtil::IsPathInFieldMask(path, request.update_mask());
  };
  v1::SessionSpec& spec = *request.mutable_session()->mutable_spec();
  const v1::SessionSpec& has = session.spec();
  if (adds_to(kLabels)) {
    auto labels = has.labels();
    for (const auto& [key, value] : spec.labels()) labels[key] = value;
    *spec.mutable_labels() = std::move(labels);
  }
  if (adds_to(kAllow)) {
    auto allow = has.allow();
    allow.MergeFrom(spec.allow());
    *spec.mutable_allow() = std::move(allow);
  }
  if (adds_to(kExpected)) {
    auto expected = has.expected();
    expected.MergeFrom(spec.expected());
    *spec.mutable_expected() = std::move(expected);
  }
  if (adds_to(kLabels) || adds_to(kAllow) || adds_to(kExpected)) {
    request.mutable_session()->set_etag(session.etag());
  }
}

}  // namespace tcptool
