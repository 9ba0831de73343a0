// The signals that end tcptool.
#ifndef TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_
#define TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_

#include <csignal>

namespace tcptool::client {

// Blocks SIGTERM and SIGINT in this thread, and in those that it starts from
// now on, so that sigwait(3) gets them. Not SIGINT if it is ignored: a shell
// starts a script's background jobs like this, which the terminal's Ctrl-C is
// not for.
sigset_t BlockTermination();

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_TERMINATION_H_
