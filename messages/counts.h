// What the numbers of recipients add up to.
#ifndef TCPTOOL_MESSAGES_COUNTS_H_
#define TCPTOOL_MESSAGES_COUNTS_H_

#include <cstdint>

#include "tcptool/v1/session.pb.h"

namespace tcptool {

// The number of recipients that have the content, or were or are to get it: the
// denominator of `delivered`. HANDSHAKING recipients are left out, as they have
// not asked for it yet (a port scanner never does), and so are REJECTED ones.
// FAILED includes handshake time-outs: the counts do not tell these apart.
int64_t Takers(const v1::RecipientCounts& counts);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_COUNTS_H_
