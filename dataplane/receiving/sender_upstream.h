// A sender of the wire protocol as a reception's source: docs/wire-protocol.md.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_SENDER_UPSTREAM_H_
#define TCPTOOL_DATAPLANE_RECEIVING_SENDER_UPSTREAM_H_

#include <memory>

#include "absl/time/time.h"
#include "dataplane/dialing/dialer.h"
#include "dataplane/receiving/upstream.h"

namespace tcptool::dataplane {

struct SenderOptions {
  // Whom to connect to, and how long to wait until it is up.
  DialTarget target;
  // "I am the last, start now".
  bool start = false;
  // Without a word from the sender's host for this time, even to keepalive
  // probes, the connection is lost. At least a few seconds.
  absl::Duration dead_timeout = absl::Seconds(60);
};

// It has the content once, from its start.
class SenderUpstream : public Upstream {
 public:
  explicit SenderUpstream(SenderOptions options)
      : options_(std::move(options)) {}

  bool resumable() const override { return false; }
  void Connect(Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done) override;
  void Cancel() override;

 private:
  const SenderOptions options_;
  std::shared_ptr<Dialer> dialer_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_SENDER_UPSTREAM_H_
