// The control API's messages as text for people.
// Pure functions: no clock, no terminal, no locale. Text that others chose
// (labels, paths, errors) is shown without its control characters, so that it
// cannot steer a terminal.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_RENDER_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_RENDER_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tcptool/v1/node_service.pb.h"
#include "tcptool/v1/reception.pb.h"
#include "tcptool/v1/recipient.pb.h"
#include "tcptool/v1/session.pb.h"

namespace tcptool {

// What it is, printable; "-" for nothing.
std::string OrNothing(const std::string& text);

// How much of `total` is done: "[#####.....]  50%", with `width` places between
// the brackets. All of nothing is done. Never shows 100% before it is.
std::string Bar(int64_t done, int64_t total, int width);

// Columns aligned to the left, two spaces apart, a line each row; the first row
// is the header. No line ends with spaces. All rows have as many cells as the
// first. The last cell of a line that takes more than `columns` is cut, but not
// below the width of its title.
std::string Table(const std::vector<std::vector<std::string>>& rows,
                  size_t columns = std::numeric_limits<size_t>::max());

// "FAILED (STALLED)": the state, and the reason if there is one.
std::string StateAndReason(const v1::Recipient& recipient);
// "192.0.2.7:41824", "192.0.2.7:41824 dns:node-1.example"; printable.
std::string WhoIs(const v1::Recipient& recipient);

// One session a line; ages are counted to `now`.
std::string SessionTable(const std::vector<v1::Session>& sessions,
                         absl::Time now);

// One reception a line, the same.
std::string ReceptionTable(const std::vector<v1::Reception>& receptions,
                           absl::Time now);

// A reception in labelled lines.
std::string ReceptionDetails(const v1::Reception& reception);

// "FAILED (STALLED): nothing came": the state, and the reason and the detail if
// there are any.
std::string StateAndReason(const v1::Reception& reception);

// "RECEIVING, 3.0 MiB of 8.0 MiB, 1.0 MiB/s"; of one that has failed, its state
// and the reason.
std::string ReceptionProgress(const v1::Reception& reception);

// A session in labelled lines.
std::string SessionDetails(const v1::Session& session);

// One recipient a line. The first column is what `tcptoolctl drop` takes.
std::string RecipientTable(const std::vector<v1::Recipient>& recipients);

// One recipient a line, with how much of `content_length` it has and how long
// the rest will take; without these if the length is not known.
std::string ProgressTable(const std::vector<v1::Recipient>& recipients,
                          std::optional<int64_t> content_length);

// The node in labelled lines.
std::string NodeDetails(const v1::Node& node);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_RENDER_H_
