// What the subcommands of tcptoolctl do, once the command line was found right.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_COMMANDS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_COMMANDS_H_

#include <string>

#include "absl/status/status.h"
#include "client/api/channel.h"
#include "client/api/client.h"
#include "client/tcptoolctl/distribute_flags.h"
#include "client/tcptoolctl/list_flags.h"
#include "client/tcptoolctl/receive_flags.h"
#include "client/tcptoolctl/spec_flags.h"
#include "client/tcptoolctl/update_flags.h"
#include "client/tcptoolctl/watch_view.h"

namespace tcptool {

struct RetryFlags {
  std::string request_id;
  // As those of CreateFlags.
  bool from_stdin = false;
  bool watch = false;
};

struct Options {
  ChannelOptions channel;
  std::string token_file;
  std::string output = "table";
  std::string timeout = "30s";
  CreateFlags create;
  ReceiveFlags receive;
  DistributeFlags distribute;
  RetryFlags retry;
  UpdateFlags update;
  std::string wait = "inf";
  ListFlags list;
  // Of `watch`: what to run at each recipient's end. Empty: nothing.
  std::string exec;
  // Of `events`: a revision, or a file. Empty: begin with a snapshot.
  std::string resume;
  std::string name;
  bool force = false;
  bool allow_missing = false;
};

// Whether output is for programs.
bool IsJson(const Options& options);
WatchView::Style StyleOf(const Options& options);

// Each makes its calls and prints to standard output. An error has the
// service's code and message.
using Command = absl::Status (*)(Client&, const Options&);

absl::Status Create(Client& client, const Options& options);
absl::Status Get(Client& client, const Options& options);
absl::Status List(Client& client, const Options& options);
// Get, Watch, Cancel and Delete take the name of a reception or of a
// distribution too.
// Until the session is final; ABORTED unless it has SUCCEEDED.
absl::Status Watch(Client& client, const Options& options);
// Until the session is final, or for Options::wait: DEADLINE_EXCEEDED. Ends as
// Watch() does, and survives as it does that the service is away.
absl::Status Wait(Client& client, const Options& options);
// All changes of all sessions and their recipients, until it is told to end.
absl::Status Events(Client& client, const Options& options);
absl::Status Start(Client& client, const Options& options);
absl::Status Update(Client& client, const Options& options);
absl::Status Cancel(Client& client, const Options& options);
absl::Status Delete(Client& client, const Options& options);
// Of a session, or of a distribution.
absl::Status Retry(Client& client, const Options& options);
absl::Status Recipients(Client& client, const Options& options);
absl::Status Drop(Client& client, const Options& options);
absl::Status Node(Client& client, const Options& options);
// Of a directory its entries, of a file itself.
absl::Status Files(Client& client, const Options& options);
absl::Status Receive(Client& client, const Options& options);
absl::Status Receptions(Client& client, const Options& options);
absl::Status Distribute(Client& client, const Options& options);
absl::Status Distributions(Client& client, const Options& options);
absl::Status Deliveries(Client& client, const Options& options);
absl::Status Nodes(Client& client, const Options& options);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_COMMANDS_H_
