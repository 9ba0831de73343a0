// `tcptoolctl events`.
#include <unistd.h>

#include "client/tcptoolctl/commands.h"
#include "client/tcptoolctl/event_lines.h"
#include "client/tcptoolctl/line_output.h"

namespace tcptool {

absl::Status Events(Client& client, const Options& options) {
  v1::WatchSessionsRequest request;
  request.set_include_recipients(true);
  if (!options.resume.empty()) {
    const absl::StatusOr<int64_t> revision = ReadResumeRevision(options.resume);
    if (!revision.ok()) return revision.status();
    request.set_resume_revision(*revision);
    const absl::Status dropped = DropCutLine(options.resume, STDOUT_FILENO);
    if (!dropped.ok()) return dropped;
  }
  EventLines lines(request.resume_revision());
  LineOutput output(STDOUT_FILENO);
  absl::Status written;
  // Returns whether there may be more.
  const auto write = [&](absl::string_view line) {
    if (written.ok()) written = output.Write(line);
    return written.ok() && !output.stopped().stop_requested();
  };
  if (request.resume_revision() == 0) write(lines.Snapshot(absl::OkStatus()));
  Client::WatchOptions watch{.stop = output.stopped(), .on_restart = {}};
  watch.on_restart = [&](const absl::Status& error) {
    write(lines.Snapshot(error));
  };
  const absl::Status status = client.WatchSessions(
      request,
      [&](const v1::WatchSessionsResponse& response) {
        for (const std::string& line : lines.Of(response)) {
          if (!write(line)) return false;
        }
        return true;
      },
      watch);
  return written.ok() ? status : written;
}

}  // namespace tcptool
