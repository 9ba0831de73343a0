// What `tcptoolctl events` prints, and where it goes on from what it has
// printed.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_EVENT_LINES_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_EVENT_LINES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool {

// Lines with their ends, each an object of JSON with the service's `revision`,
// and with `resume`, the revision to go on from for who has read the line. What
// else it has says what it is:
//   {"revision":"7","resume":"0","snapshot":true}
//   {"revision":"7","resume":"0","session":{...}}
//   {"revision":"7","resume":"0","recipient":{...}}
//   {"revision":"7","resume":"7","bookmark":true}
//   {"revision":"8","resume":"7","deletedName":"sessions/image"}
// Not for several threads.
class EventLines {
 public:
  // `resume_revision`: that of the watch's request.
  explicit EventLines(int64_t resume_revision) : resume_(resume_revision) {}

  // That a snapshot follows, because of `error` unless that is OK.
  std::string Snapshot(const absl::Status& error);
  std::vector<std::string> Of(const v1::WatchSessionsResponse& response);

 private:
  // `fields`: an object of JSON.
  std::string Line(absl::string_view fields) const;

  int64_t revision_ = 0;
  int64_t resume_;
};

// What CLI11 calls on `text` that is to say where to go on: why it is neither a
// revision nor the name of a file. Empty: it may be one.
std::string WhyNoResume(const std::string& text);

// The revision that `text` says, or, if it is no number, that of the last whole
// line in the file of this name, which EventLines has made. 0, to begin with a
// snapshot: there is no such file, or it is empty. INVALID_ARGUMENT: it is none
// of these.
absl::StatusOr<int64_t> ReadResumeRevision(const std::string& text);

// Where `output` appends to the file that `text` names: takes from its end what
// is no whole line, as a run that was ended, or a full disk, leaves it. What is
// appended would be a part of that line. Nothing where `text` is a revision.
absl::Status DropCutLine(const std::string& text, int output);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_EVENT_LINES_H_
