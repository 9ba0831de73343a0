#include "client/tcptoolctl/commands.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/api/reconnection.h"
#include "client/tcptoolctl/distribution_commands.h"
#include "client/tcptoolctl/distribution_watch.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/reception_commands.h"
#include "client/tcptoolctl/render.h"
#include "client/tcptoolctl/session_watch.h"
#include "client/tcptoolctl/upload_stdin.h"
#include "messages/states.h"
#include "text/terminal.h"

namespace tcptool {
namespace {

// How often a change is tried that others get ahead of, and how long the pause
// is before the second try; it doubles each time.
constexpr int kUpdateTries = 12;
constexpr absl::Duration kUpdatePause = absl::Milliseconds(10);
constexpr absl::Duration kMaxUpdatePause = absl::Milliseconds(500);

// A part of `pause`: those that have met once should not meet again.
absl::Duration PartOf(absl::Duration pause) {
  std::random_device random;
  return pause * std::uniform_real_distribution<double>(0, 1)(random);
}

std::string SessionName(const std::string& name) {
  return absl::StartsWith(name, "sessions/") ? name
                                             : absl::StrCat("sessions/", name);
}

// "sessions/S/recipients/R" of itself, or of "S/R".
std::string RecipientName(const std::string& name) {
  if (absl::StartsWith(name, "sessions/")) return name;
  const std::pair<std::string, std::string> ids =
      absl::StrSplit(name, absl::MaxSplits('/', 1));
  return absl::StrCat("sessions/", ids.first, "/recipients/", ids.second);
}

absl::Status PrintSession(const absl::StatusOr<v1::Session>& session,
                          const Options& options) {
  if (!session.ok()) return session.status();
  std::cout << (IsJson(options) ? Json(*session) + "\n"
                                : SessionDetails(*session));
  return absl::OkStatus();
}

absl::Status UploadAndWatch(Client& client, const std::string& name,
                            const Options& options) {
  absl::Status uploaded;
  absl::Status watched;
  {
    const std::jthread upload([&](const std::stop_token& stop) {
      uploaded = UploadStdin(client, name, stop);
    });
    watched = WatchToEnd(client, name, options);
  }
  // If both failed, the session's end says more.
  return watched.ok() ? uploaded : watched;
}

// Prints a session that was made, and does what else was asked for.
absl::Status FollowNew(Client& client, const v1::Session& session,
                       bool from_stdin, bool watch, const Options& options) {
  if (IsJson(options)) {
    std::cout << Json(session) << std::endl;
  } else {
    // Flushed: a script that reads it then starts the recipients.
    std::cout << "session: " << session.name()
              << "\naddress: " << session.data_endpoint()
              << "\nlistening: " << session.listen_endpoint() << std::endl;
  }
  const std::string& name = session.name();
  if (from_stdin && watch) return UploadAndWatch(client, name, options);
  if (from_stdin) return UploadStdin(client, name, {});
  if (watch) return WatchToEnd(client, name, options);
  return absl::OkStatus();
}

// Whether standard input can be the content of a retry of the session.
absl::Status CheckStdinFor(Client& client, const std::string& session_name) {
  if (absl::Status status = CheckStdin(); !status.ok()) return status;
  const absl::StatusOr<v1::Session> session = client.GetSession(session_name);
  if (!session.ok() || session->spec().has_upload()) return session.status();
  return absl::InvalidArgumentError(absl::StrCat(
      "the source of ", session_name, " is no upload; leave --stdin out"));
}

}  // namespace

bool IsJson(const Options& options) { return options.output == "json"; }

WatchView::Style StyleOf(const Options& options) {
  if (IsJson(options)) return WatchView::Style::kJson;
  // What commands print would come between what is drawn.
  return CanRedraw(STDOUT_FILENO) && options.exec.empty()
             ? WatchView::Style::kScreen
             : WatchView::Style::kLines;
}

absl::Status Create(Client& client, const Options& options) {
  if (options.create.request.validate_only()) {
    return PrintSession(client.CreateSession(options.create.request), options);
  }
  if (options.create.from_stdin) {
    if (absl::Status status = CheckStdin(); !status.ok()) return status;
  }
  const absl::StatusOr<v1::Session> session =
      client.CreateSession(options.create.request);
  if (!session.ok()) return session.status();
  // A file that some earlier step failed to write, more often than not.
  if (session->has_content_length() && session->content_length() == 0) {
    std::cerr << "tcptoolctl: create: warning: the content is empty (0 bytes); "
                 "recipients replace what they have by nothing"
              << std::endl;
  }
  return FollowNew(client, *session, options.create.from_stdin,
                   options.create.watch, options);
}

absl::Status Get(Client& client, const Options& options) {
  if (IsReception(options.name)) {
    return PrintReception(client.GetReception(options.name), options);
  }
  if (IsDistribution(options.name)) {
    return PrintDistribution(client.GetDistribution(options.name), options);
  }
  return PrintSession(client.GetSession(SessionName(options.name)), options);
}

absl::Status List(Client& client, const Options& options) {
  const auto sessions = client.ListSessions(SessionsRequest(options.list));
  if (!sessions.ok()) return sessions.status();
  if (IsJson(options)) {
    v1::ListSessionsResponse list;
    list.mutable_sessions()->Assign(sessions->begin(), sessions->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << SessionTable(*sessions, absl::Now());
  }
  return absl::OkStatus();
}

absl::Status Watch(Client& client, const Options& options) {
  const bool is_session =
      !IsReception(options.name) && !IsDistribution(options.name);
  if (!options.exec.empty() && !is_session) {
    return absl::InvalidArgumentError(
        "--exec is for the recipients of sessions; leave it out");
  }
  if (IsReception(options.name)) {
    return WatchReception(client, options.name, options);
  }
  if (IsDistribution(options.name)) {
    return WatchDistribution(client, options.name, options);
  }
  return WatchToEnd(client, SessionName(options.name), options);
}

absl::Status Wait(Client& client, const Options& options) {
  using std::chrono::steady_clock;
  const std::string name = SessionName(options.name);
  absl::Duration wait;
  absl::ParseDuration(options.wait, &wait);  // The flag's check passed.
  absl::Duration timeout;
  absl::ParseDuration(options.timeout, &timeout);  // So did this one's.
  Reconnection reconnection(timeout);
  const steady_clock::time_point start = steady_clock::now();
  // One that does not wait tells, first and after a loss, that the service is
  // there.
  absl::Duration next = absl::ZeroDuration();
  while (true) {
    const auto session = client.WaitSession(name, next);
    const absl::Duration left =
        wait - absl::FromChrono(steady_clock::now() - start);
    if (!session.ok()) {
      if (left <= absl::ZeroDuration() ||
          !reconnection.TriesAgainAfter(session.status())) {
        return reconnection.Cause(session.status());
      }
      next = absl::ZeroDuration();
      continue;
    }
    reconnection.Heard();
    if (IsFinal(session->state())) {
      PrintSession(session, options).IgnoreError();
      return ResultOf(*session);
    }
    if (left <= absl::ZeroDuration()) {
      return absl::DeadlineExceededError(
          absl::StrCat(name, " is still ", StateName(session->state()),
                       " after ", options.wait));
    }
    next = left;
  }
}

absl::Status Start(Client& client, const Options& options) {
  return PrintSession(client.StartSession(SessionName(options.name)), options);
}

absl::Status Update(Client& client, const Options& options) {
  const std::string name = SessionName(options.name);
  absl::StatusOr<v1::Session> session;
  absl::Duration pause = kUpdatePause;
  // Others may change it between the two calls, or at that moment.
  for (int tries = 0; tries < kUpdateTries; ++tries) {
    if (tries > 0) {
      absl::SleepFor(PartOf(pause));
      pause = std::min(pause * 2, kMaxUpdatePause);
    }
    session = client.GetSession(name);
    if (!session.ok()) break;
    v1::UpdateSessionRequest request = options.update.request;
    request.mutable_session()->set_name(name);
    AddToLists(*session, request);
    session = client.UpdateSession(request);
    if (!absl::IsAborted(session.status())) break;
  }
  return PrintSession(session, options);
}

absl::Status Cancel(Client& client, const Options& options) {
  if (IsReception(options.name)) {
    return PrintReception(client.CancelReception(options.name), options);
  }
  if (IsDistribution(options.name)) {
    return PrintDistribution(client.CancelDistribution(options.name), options);
  }
  return PrintSession(client.CancelSession(SessionName(options.name)), options);
}

absl::Status Delete(Client& client, const Options& options) {
  absl::Status status;
  if (IsReception(options.name)) {
    status = client.DeleteReception(options.name, options.force);
  } else if (IsDistribution(options.name)) {
    status = client.DeleteDistribution(options.name, options.force);
  } else {
    status = client.DeleteSession(SessionName(options.name), options.force);
  }
  const bool is_missing = absl::IsNotFound(status) && options.allow_missing;
  return is_missing ? absl::OkStatus() : status;
}

absl::Status Retry(Client& client, const Options& options) {
  if (IsDistribution(options.name)) return RetryDistribution(client, options);
  v1::RetrySessionRequest request;
  request.set_name(SessionName(options.name));
  request.set_request_id(options.retry.request_id);
  if (options.retry.from_stdin) {
    absl::Status status = CheckStdinFor(client, request.name());
    if (!status.ok()) return status;
  }
  const absl::StatusOr<v1::Session> session = client.RetrySession(request);
  if (!session.ok()) return session.status();
  return FollowNew(client, *session, options.retry.from_stdin,
                   options.retry.watch, options);
}

absl::Status Recipients(Client& client, const Options& options) {
  v1::ListRecipientsRequest request = RecipientsRequest(options.list);
  request.set_parent(SessionName(options.name));
  const auto recipients = client.ListRecipients(request);
  if (!recipients.ok()) return recipients.status();
  if (IsJson(options)) {
    v1::ListRecipientsResponse list;
    list.mutable_recipients()->Assign(recipients->begin(), recipients->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << RecipientTable(*recipients);
  }
  return absl::OkStatus();
}

absl::Status Drop(Client& client, const Options& options) {
  const auto recipient = client.DropRecipient(RecipientName(options.name));
  if (!recipient.ok()) return recipient.status();
  std::cout << (IsJson(options) ? Json(*recipient) + "\n"
                                : RecipientTable({*recipient}));
  return absl::OkStatus();
}

absl::Status Node(Client& client, const Options& options) {
  const auto node = client.GetNode();
  if (!node.ok()) return node.status();
  std::cout << (IsJson(options) ? Json(*node) + "\n" : NodeDetails(*node));
  return absl::OkStatus();
}

}  // namespace tcptool
