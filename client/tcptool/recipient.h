// tcptool as a recipient.
#ifndef TCPTOOL_CLIENT_TCPTOOL_RECIPIENT_H_
#define TCPTOOL_CLIENT_TCPTOOL_RECIPIENT_H_

#include "client/tcptool/diagnostics.h"
#include "client/tcptool/options.h"

namespace tcptool::client {

// Receives, and returns the exit status: 0 only if the sender ended in an
// orderly way and all of its content is written out. On any other end, by a
// signal too, the connection is reset: to the sender a connection that closes
// in an orderly way is the proof that the content has arrived.
int Receive(const RecipientOptions& options, Diagnostics& diagnostics);

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_RECIPIENT_H_
