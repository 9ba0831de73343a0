#include "server/sessions/restore.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/api/names.h"
#include "server/api/translate.h"

namespace tcptool::server {
namespace {

// Adds the recipients of the spec that are still EXPECTED, which have no row in
// the store.
void AddExpected(StoredSession& stored) {
  std::map<uint64_t, v1::Recipient> all;
  for (const auto& expected : stored.session.spec().expected()) {
    v1::Recipient& recipient = all[expected.number()];
    recipient.set_name(
        absl::StrCat(stored.session.name(), "/recipients/", expected.number()));
    recipient.set_address(expected.address());
    recipient.set_identity(expected.identity());
    recipient.set_label(expected.label());
    recipient.set_state(v1::RECIPIENT_STATE_EXPECTED);
  }
  for (v1::Recipient& recipient : stored.recipients) {
    all[RecipientNumber(recipient.name()).value_or(0)] = std::move(recipient);
  }
  stored.recipients.clear();
  for (auto& [id, recipient] : all) {
    stored.recipients.push_back(std::move(recipient));
  }
}

void Sum(StoredSession& stored) {
  std::map<v1::RecipientState, int32_t> counts;
  int64_t sent = 0;
  int64_t acked = 0;
  for (const v1::Recipient& recipient : stored.recipients) {
    ++counts[recipient.state()];
    sent += recipient.bytes_sent();
    acked += recipient.bytes_acked();
  }
  // No recipient is in another state: all connections have ended.
  v1::RecipientCounts& sums = *stored.session.mutable_counts();
  sums.Clear();
  sums.set_expected(counts[v1::RECIPIENT_STATE_EXPECTED]);
  sums.set_delivered(counts[v1::RECIPIENT_STATE_DELIVERED]);
  sums.set_failed(counts[v1::RECIPIENT_STATE_FAILED]);
  sums.set_rejected(counts[v1::RECIPIENT_STATE_REJECTED]);
  sums.set_dropped(counts[v1::RECIPIENT_STATE_DROPPED]);
  stored.session.set_bytes_sent(sent);
  stored.session.set_bytes_acked(acked);
}

}  // namespace

uint16_t DataPort(const v1::Session& session) {
  const std::string& endpoint = session.data_endpoint();
  uint32_t port = 0;
  return absl::SimpleAtoi(endpoint.substr(endpoint.rfind(':') + 1), &port)
             ? static_cast<uint16_t>(port)
             : 0;
}

bool ListensAgain(const StoredSession& stored) {
  if (IsFinal(stored.session.state())) return false;
  return KeepsRecipients(stored) ||
         (stored.session.state() == v1::SESSION_STATE_WAITING &&
          !stored.extra.upload_begun);
}

bool KeepsRecipients(const StoredSession& stored) {
  return stored.session.spec().start().immediate();
}

absl::StatusOr<dataplane::SessionOptions> OptionsToResume(
    const SpecRules& rules, const StoredSession& stored) {
  v1::SessionSpec spec = stored.session.spec();
  auto options = ToOptions(rules, spec);
  if (!options.ok()) return options.status();
  options->port = DataPort(stored.session);
  if (options->port == 0) {
    return absl::DataLossError(
        absl::StrCat("no port in ", stored.session.data_endpoint()));
  }
  options->resume = {.create_time = ToTime(stored.session.create_time()),
                     .last_recipient = LastRecipient(stored)};
  if (!KeepsRecipients(stored)) return options;
  if (stored.session.has_start_time()) {
    options->resume->start_time = ToTime(stored.session.start_time());
  }
  for (const v1::Recipient& recipient : stored.recipients) {
    const auto status = FromProto(recipient);
    if (!status.ok()) return status.status();
    options->resume->recipients.push_back(*status);
  }
  return options;
}

std::vector<uint16_t> PortsByLastUse(const StoredContents& contents) {
  std::vector<std::pair<absl::Time, uint16_t>> uses;
  for (const StoredPortUse& use : contents.port_uses) {
    uses.emplace_back(use.end, use.port);
  }
  for (const StoredSession& stored : contents.sessions) {
    if (ListensAgain(stored)) continue;
    uses.emplace_back(stored.session.has_end_time()
                          ? ToTime(stored.session.end_time())
                          : absl::InfiniteFuture(),
                      DataPort(stored.session));
  }
  std::ranges::sort(uses);
  std::vector<uint16_t> ports;
  ports.reserve(uses.size());
  for (const auto& [time, port] : uses) ports.push_back(port);
  return ports;
}

void EndConnected(StoredSession& stored) {
  for (v1::Recipient& recipient : stored.recipients) {
    if (IsFinal(recipient.state()) ||
        recipient.state() == v1::RECIPIENT_STATE_EXPECTED) {
      continue;
    }
    recipient.set_state(v1::RECIPIENT_STATE_FAILED);
    recipient.set_reason(v1::RECIPIENT_REASON_SERVICE_STOPPED);
    recipient.set_detail("the service was stopped");
    recipient.set_bytes_per_second(0);
    *recipient.mutable_end_time() = ToTimestamp(absl::Now());
  }
}

void EndUnfinished(StoredSession& stored, v1::SessionState state,
                   absl::string_view error) {
  AddExpected(stored);
  EndConnected(stored);
  Sum(stored);
  stored.session.set_state(state);
  stored.session.set_error(std::string(error));
  *stored.session.mutable_end_time() = ToTimestamp(absl::Now());
}

uint64_t LastRecipient(const StoredSession& stored) {
  uint64_t last = stored.extra.last_recipient;
  if (!stored.recipients.empty()) {
    last = std::max(
        last, RecipientNumber(stored.recipients.back().name()).value_or(0));
  }
  return last;
}

}  // namespace tcptool::server
