// What the numbers of recipients add up to.
#ifndef TCPTOOL_MESSAGES_COUNTS_H_
#define TCPTOOL_MESSAGES_COUNTS_H_

#include <cstdint>

#include "tcptool/v1/session.pb.h"

namespace tcptool {

// How many recipients have the content, or were or are to get it: what
// `delivered` is shown as a part of. Those who are HANDSHAKING have not asked
// for it yet (a port scanner never does), and those who were REJECTED were
// never to get it. FAILED includes those whose handshake timed out: the counts
// do not tell them from the others.
int64_t Takers(const v1::RecipientCounts& counts);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_COUNTS_H_
