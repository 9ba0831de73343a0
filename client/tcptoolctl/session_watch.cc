#include "client/tcptoolctl/session_watch.h"

#include <unistd.h>

#include <iostream>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/hook.h"
#include "client/tcptoolctl/recipient_ends.h"
#include "client/tcptoolctl/screen.h"
#include "client/tcptoolctl/watch_view.h"
#include "messages/states.h"
#include "text/characters.h"

namespace tcptool {
namespace {

void Say(const std::string& line) {
  std::cerr << absl::StrCat("tcptoolctl: watch: ", line, "\n") << std::flush;
}

}  // namespace

absl::Status ResultOf(const v1::Session& session) {
  if (session.state() == v1::SESSION_STATE_SUCCEEDED) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      session.name(), " ended as ", StateName(session.state()),
      session.error().empty() ? "" : ": ", Printable(session.error())));
}

absl::Status WatchToEnd(Client& client, const std::string& name,
                        const Options& options) {
  v1::WatchSessionsRequest request;
  request.add_names(name);
  request.set_include_recipients(true);
  WatchView view(StyleOf(options), std::cout,
                 [] { return SizeOfTerminal(STDOUT_FILENO); });
  RecipientEnds ends;
  std::optional<Hook> hook;
  if (!options.exec.empty()) hook.emplace(options.exec, Say);
  const absl::Status status = client.WatchSessions(
      request, [&](const v1::WatchSessionsResponse& response) {
        if (hook) {
          for (const v1::Recipient& one : ends.Take(response)) hook->Run(one);
        }
        return view.Update(response, WatchView::Clock::now());
      });
  const absl::Status commands = hook ? hook->Finish() : absl::OkStatus();
  if (!status.ok()) return status;
  const absl::StatusOr<v1::Session> session = view.Result();
  if (!session.ok()) return session.status();
  const absl::Status result = ResultOf(*session);
  return result.ok() ? commands : result;
}

}  // namespace tcptool
