#include "server/sessions/session_commands.h"

#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/api/errors.h"
#include "server/api/etag.h"
#include "server/api/names.h"
#include "server/api/translate.h"

namespace tcptool::server {

namespace {

// `why` a session has not dropped its recipient `name`.
absl::Status NotDropped(const std::string& name, const absl::Status& why) {
  if (absl::IsNotFound(why)) {
    return NotFound(v1::ERROR_REASON_RESOURCE_NOT_FOUND, kRecipientType, name,
                    why.message());
  }
  return FailedPrecondition(v1::ERROR_REASON_RECIPIENT_NOT_CONNECTED, name,
                            why.message());
}

}  // namespace

absl::StatusOr<v1::Session> SessionCommands::GetForCommand(
    const std::string& name, const std::string& etag) const {
  absl::StatusOr<v1::Session> session = table_.Get(name);
  if (session.ok() && !IsFinal(session->state()) && !live_.contains(name)) {
    return WaitsForNextStart(name);
  }
  if (session.ok() && !etag.empty() && etag != session->etag()) {
    return EtagMismatch(name,
                        absl::StrCat("it is ", StateName(session->state())));
  }
  return session;
}

absl::Status SessionCommands::NotStarted(const std::string& name,
                                         const absl::Status& why) {
  const LiveSessions::Live* live = live_.Find(name);
  const bool waits =
      live != nullptr && live->message.state() == v1::SESSION_STATE_WAITING;
  return FailedPrecondition(waits ? v1::ERROR_REASON_NO_RECIPIENT_READY
                                  : v1::ERROR_REASON_RESOURCE_FINISHED,
                            name, why.message());
}

void SessionCommands::Start(const v1::StartSessionRequest& request,
                            SessionDone done) {
  const auto session = GetForCommand(request.name(), request.etag());
  if (!session.ok()) return done(session.status());
  const LiveSessions::Live* live = live_.Find(request.name());
  if (live == nullptr) {
    return done(FailedPrecondition(
        v1::ERROR_REASON_RESOURCE_FINISHED, request.name(),
        absl::StrCat(request.name(), " is finished: it is ",
                     StateName(session->state()), "; create another")));
  }
  live->session->Start(
      StateOf(request.etag(), *session),
      [this, name = request.name(), done](absl::Status status) {
        asio::post(executor_, [this, name, done, status] {
          if (absl::IsAborted(status)) {
            return done(EtagMismatch(name, status.message()));
          }
          if (!status.ok()) return done(NotStarted(name, status));
          live_.WhenShown(name, [this, name, done] { done(table_.Get(name)); });
        });
      });
}

void SessionCommands::Cancel(const v1::CancelSessionRequest& request,
                             SessionDone done) {
  auto session = GetForCommand(request.name(), request.etag());
  if (!session.ok() || !live_.contains(request.name())) {
    return done(std::move(session));
  }
  live_.Cancel(request.name(), StateOf(request.etag(), *session),
               [this, name = request.name(), done](absl::Status status) {
                 if (!status.ok()) return done(status);
                 done(table_.Get(name));
               });
}

void SessionCommands::Delete(const v1::DeleteSessionRequest& request,
                             Done done) {
  const auto session = GetForCommand(request.name(), request.etag());
  if (absl::IsNotFound(session.status()) && request.allow_missing()) {
    return done(absl::OkStatus());
  }
  if (!session.ok()) return done(session.status());
  if (!live_.contains(request.name())) {
    return held_.PurgeDurably(request.name(), executor_, std::move(done));
  }
  if (!request.force()) {
    return done(FailedPrecondition(
        v1::ERROR_REASON_RESOURCE_NOT_FINISHED, request.name(),
        absl::StrCat(request.name(), " is ", StateName(session->state()),
                     "; cancel it first, or set force")));
  }
  live_.Cancel(request.name(), StateOf(request.etag(), *session),
               [this, name = request.name(), done](absl::Status status) {
                 if (!status.ok()) return done(status);
                 held_.PurgeDurably(name, executor_, done);
               });
}

void SessionCommands::Drop(const v1::DropRecipientRequest& request,
                           RecipientDone done) {
  auto recipient = table_.GetRecipient(request.name());
  if (!recipient.ok() || recipient->state() == v1::RECIPIENT_STATE_DROPPED) {
    return done(std::move(recipient));
  }
  const auto session = GetForCommand(SessionOf(request.name()), "");
  if (!session.ok()) return done(session.status());
  const LiveSessions::Live* live = live_.Find(SessionOf(request.name()));
  if (live == nullptr) {
    return done(FailedPrecondition(
        v1::ERROR_REASON_RECIPIENT_NOT_CONNECTED, request.name(),
        absl::StrCat(request.name(), " is not connected: it is ",
                     v1::RecipientState_Name(recipient->state()))));
  }
  live->session->Drop(*RecipientNumber(request.name()),
                      [this, name = request.name(), done](absl::Status status) {
                        asio::post(executor_, [this, name, done, status] {
                          if (!status.ok()) {
                            return done(NotDropped(name, status));
                          }
                          live_.WhenShown(SessionOf(name), [this, name, done] {
                            done(table_.GetRecipient(name));
                          });
                        });
                      });
}

void SessionCommands::OpenUpload(const std::string& name, UploadDone done) {
  const auto session = GetForCommand(name, "");
  if (!session.ok()) return done(session.status());
  LiveSessions::Live* const live = live_.Find(name);
  if (absl::Status status = uploads_.Check(*session, live); !status.ok()) {
    return done(status);
  }
  uploads_.Reserve(*live);
  live->ledger->UploadBegins();
  done(std::make_unique<Upload>(name, std::exchange(live->upload, nullptr),
                                live->session));
}

}  // namespace tcptool::server
