#include "server/sessions/session_retry.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/api/errors.h"
#include "server/api/spec.h"

namespace tcptool::server {
namespace {

// One that is expected and never came may have no record any more after a
// restart.
bool HasContent(const SessionTable& table, const std::string& session,
                int64_t number) {
  const auto recipient =
      table.GetRecipient(absl::StrCat(session, "/recipients/", number));
  return recipient.ok() && recipient->state() == v1::RECIPIENT_STATE_DELIVERED;
}

}  // namespace

absl::StatusOr<v1::SessionSpec> SpecOfRetry(const SessionTable& table,
                                            const std::string& name) {
  absl::StatusOr<v1::Session> session = table.Get(name);
  if (!session.ok()) return session.status();
  if (!IsFinal(session->state())) {
    return FailedPrecondition(v1::ERROR_REASON_RESOURCE_NOT_FINISHED, name,
                              absl::StrCat(name, " is not finished: it is ",
                                           StateName(session->state()),
                                           "; cancel it first, or wait"));
  }
  v1::SessionSpec spec = std::move(*session->mutable_spec());
  const auto expected = std::exchange(*spec.mutable_expected(), {});
  if (expected.empty()) {
    return FailedPrecondition(
        v1::ERROR_REASON_NOTHING_TO_RETRY, name,
        absl::StrCat(name,
                     " expects nobody, so that nobody is known to lack the "
                     "content; create another session"));
  }
  for (int i = 0; i < expected.size(); ++i) {
    if (!HasContent(table, name, expected[i].number())) {
      *spec.add_expected() = expected[i];
    }
  }
  // One that is deleted meanwhile, in whose place there may be another, has no
  // recipients: they are not known to lack the content.
  const absl::StatusOr<v1::Session> still = table.Get(name);
  if (!still.ok() || still->etag() != session->etag()) {
    return NotFound(v1::ERROR_REASON_RESOURCE_NOT_FOUND, kSessionType, name,
                    absl::StrCat(name, " has just been deleted"));
  }
  if (spec.expected().empty()) {
    return FailedPrecondition(
        v1::ERROR_REASON_NOTHING_TO_RETRY, name,
        absl::StrCat("there is nothing to retry: all ", expected.size(),
                     " recipients that ", name, " expects are DELIVERED"));
  }
  NumberExpected(spec);
  v1::StartPolicy& start = *spec.mutable_start();
  start.set_min_recipients(
      std::min(start.min_recipients(), spec.expected_size()));
  return spec;
}

}  // namespace tcptool::server
