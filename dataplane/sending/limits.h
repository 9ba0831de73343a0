// How fast a recipient must be, and how fast it may be.
#ifndef TCPTOOL_DATAPLANE_SENDING_LIMITS_H_
#define TCPTOOL_DATAPLANE_SENDING_LIMITS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tcptool::dataplane {

struct Limits {
  // From connection to start byte.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // A recipient that acknowledges less than Progress::kFloor bytes in this
  // time, although more are outstanding, is STALLED.
  absl::Duration stall_timeout = absl::Seconds(60);
  // After the last byte was handed to the kernel: delivery is UNCONFIRMED if
  // less than Progress::kFloor of the outstanding bytes is acknowledged in this
  // time.
  absl::Duration acknowledge_timeout = absl::Seconds(30);
  // After the end was sent, which is when all content was acknowledged: how
  // long the recipient may take to close its connection before delivery is
  // UNCONFIRMED. It may be writing to a slow disk. And how long it may go on
  // sending before that: its own end may come behind.
  absl::Duration confirm_timeout = absl::Minutes(10);
  // How long a disk may take to say that a file is what it was at the start,
  // before recipients are sent to, before they get the end, for a read that a
  // recipient waits for, and for the next part of a SHA-256. The source has
  // failed then. (A hard-mounted NFS server
  // that is started again answers after 90 s of grace, a disk whose commands
  // are repeated after 180 s.)
  absl::Duration disk_timeout = absl::Minutes(5);
  // A host that leaves segments or probes unanswered for this long, at least 1
  // s, is lost. (Spanning tree keeps a switch's port closed for up to 50 s.) A
  // host to which nothing is sent is probed (keepalive) after 5 s of silence,
  // and lost `dead_timeout` later.
  absl::Duration dead_timeout = absl::Seconds(15);
  // Streams: how far a recipient may be behind the fastest. 0: no limit but the
  // window.
  uint64_t max_lag_bytes = 0;
  // 0: no limit.
  uint64_t recipient_bytes_per_second = 0;
  uint64_t session_bytes_per_second = 0;
};

// The error of a source whose disk has not answered for Limits::disk_timeout.
absl::Status DiskTimedOut(absl::Duration timeout);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SENDING_LIMITS_H_
