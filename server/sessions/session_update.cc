// UpdateSession: what of a session's spec changes, in the data plane, in the
// store, and then for all to see.
#include <asio/post.hpp>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/spec.h"
#include "server/api/translate.h"
#include "server/api/update_fields.h"
#include "server/sessions/session_commands.h"
#include "server/watch/session_filter.h"

namespace tcptool::server {
namespace {

// What changes in the data plane.
dataplane::SessionChanges ChangesOf(const v1::SessionSpec& before,
                                    const v1::SessionSpec& spec,
                                    dataplane::SessionOptions options) {
  dataplane::SessionChanges changes;
  if (options.limits.recipient_bytes_per_second !=
      static_cast<uint64_t>(before.limits().recipient_bytes_per_second())) {
    changes.recipient_bytes_per_second =
        options.limits.recipient_bytes_per_second;
  }
  if (options.limits.session_bytes_per_second !=
      static_cast<uint64_t>(before.limits().session_bytes_per_second())) {
    changes.session_bytes_per_second = options.limits.session_bytes_per_second;
  }
  if (options.expire_after != ToDuration(before.expire_after())) {
    changes.expire_after = options.expire_after;
  }
  if (spec.allow_size() != before.allow_size()) {
    changes.allow = std::move(options.allow);
  }
  changes.more_expected.assign(
      options.expected.begin() + before.expected_size(),
      options.expected.end());
  return changes;
}

// `why` a live session has not changed.
absl::Status NotChanged(const std::string& name, const absl::Status& why) {
  if (absl::IsAborted(why)) return EtagMismatch(name, why.message());
  return FailedPrecondition(absl::IsUnavailable(why)
                                ? v1::ERROR_REASON_NO_MORE_RECIPIENTS
                                : v1::ERROR_REASON_RESOURCE_FINISHED,
                            name, absl::StrCat(name, ": ", why.message()));
}

absl::Status OnlyOfFinished(const v1::Session& session,
                            absl::string_view path) {
  return FailedPrecondition(
      v1::ERROR_REASON_RESOURCE_FINISHED, session.name(),
      absl::StrCat(session.name(), " is finished: it is ",
                   StateName(session.state()), "; ", path,
                   " can be changed no more, spec.labels and spec.retention "
                   "can"));
}

// NOT_FOUND as well where another session has the name of that with this uid.
absl::StatusOr<v1::Session> GetByUid(const SessionTable& table,
                                     const std::string& name,
                                     const std::string& uid) {
  absl::StatusOr<v1::Session> session = table.Get(name);
  if (session.ok() && session->uid() != uid) return NoSuchSession(name);
  return session;
}

}  // namespace

void SessionCommands::Update(const v1::UpdateSessionRequest& request,
                             SessionDone done) {
  const std::string& name = request.session().name();
  const std::string& etag = request.session().etag();
  const auto session = GetForCommand(name, etag);
  if (!session.ok()) return done(session.status());
  if (changing_.contains(name)) {
    return done(
        WithReason(absl::AbortedError(absl::StrCat(
                       "another call is just changing ", name, "; try again")),
                   v1::ERROR_REASON_CONCURRENT_CHANGES));
  }
  const LiveSessions::Live* const live = live_.Find(name);
  auto change = std::make_shared<Change>(Change{.name = name,
                                                .uid = session->uid(),
                                                .spec = session->spec(),
                                                .done = std::move(done)});
  InvalidFields wrong;
  for (const UpdateField* const field : UpdateFieldsOf(request, wrong)) {
    if (live == nullptr && !field->of_finished) {
      return change->done(OnlyOfFinished(*session, field->path));
    }
    field->copy(request.session().spec(), change->spec);
  }
  auto options = ToChangedOptions(rules_, session->spec(), change->spec);
  if (!options.ok()) return change->done(options.status());
  const dataplane::SessionChanges changes =
      ChangesOf(session->spec(), change->spec, *std::move(options));
  changing_.insert(name);
  if (changes.empty()) return SetSpec(*change);
  live->session->Change(
      changes, StateOf(etag, *session),
      [this, change](absl::StatusOr<std::vector<uint64_t>> added) {
        asio::post(executor_, [this, change, added = std::move(added)] {
          if (!added.ok()) {
            changing_.erase(change->name);
            return change->done(NotChanged(change->name, added.status()));
          }
          auto& expected = *change->spec.mutable_expected();
          const int first = expected.size() - static_cast<int>(added->size());
          for (size_t i = 0; i < added->size(); ++i) {
            expected[first + static_cast<int>(i)].set_number(
                static_cast<int64_t>((*added)[i]));
          }
          SetSpec(*change);
        });
      });
}

absl::Status SessionCommands::CheckSpec(
    const v1::UpdateSessionRequest& request) const {
  const auto session = table_.Get(request.session().name());
  if (!session.ok()) return session.status();
  v1::SessionSpec spec = session->spec();
  InvalidFields wrong;
  for (const UpdateField* const field : UpdateFieldsOf(request, wrong)) {
    field->copy(request.session().spec(), spec);
  }
  return ToChangedOptions(rules_, session->spec(), spec).status();
}

void SessionCommands::SetSpec(const Change& change) {
  absl::StatusOr<v1::Session> session =
      GetByUid(table_, change.name, change.uid);
  if (session.ok() && !IsFinal(session->state()) &&
      !live_.contains(change.name)) {
    session = WaitsForNextStart(change.name);
  }
  if (!session.ok()) {
    changing_.erase(change.name);
    return change.done(session.status());
  }
  if (!live_.contains(change.name)) {
    return SetSpecOfFinished(change, *std::move(session));
  }
  live_.ChangeSpec(change.name, change.spec,
                   [this, change] { EndChange(change); });
}

void SessionCommands::SetSpecOfFinished(const Change& change,
                                        v1::Session session) {
  SetChangedSpec(change.spec, session);
  store_.PutSession(session, {});
  // The store tries again what it cannot write: it is shown anyway.
  store_.WhenDurable(
      [this, change, session = std::move(session)](const absl::Status&) {
        asio::post(executor_, [this, change, session] {
          const auto now = table_.Get(change.name, v1::VIEW_BASIC);
          if (now.ok() && now->uid() == change.uid &&
              table_.Update(session, {}, {})) {
            hub_.WakeAll();
          }
          EndChange(change);
        });
      });
}

void SessionCommands::EndChange(const Change& change) {
  changing_.erase(change.name);
  auto session = GetByUid(table_, change.name, change.uid);
  if (!session.ok()) return change.done(session.status());
  // The answer is what the change has made of it: a retention that is over
  // already purges it before that is durable.
  if (IsFinal(session->state())) held_.SetRetention(*session);
  store_.WhenDurable([this, done = change.done, session = *std::move(session)](
                         const absl::Status& status) {
    asio::post(executor_, [done, session, status] {
      if (!status.ok()) return done(status);
      done(session);
    });
  });
}

}  // namespace tcptool::server
