// What is pushed in this process as a reception's source.
#ifndef TCPTOOL_DATAPLANE_RECEIVING_PUSH_UPSTREAM_H_
#define TCPTOOL_DATAPLANE_RECEIVING_PUSH_UPSTREAM_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "dataplane/receiving/pushed_content.h"
#include "dataplane/receiving/upstream.h"

namespace tcptool::dataplane {

// The reception's connection is one end of a pair of Unix sockets, into which
// the pieces are written on the reception's lane: so all that a reception does
// with a sender's bytes, and the pace that its disk sets, is the same here. The
// content's orderly end is the only way in which this end of the pair closes
// before the reception is over.
class PushUpstream final : public Upstream {
 public:
  explicit PushUpstream(std::shared_ptr<PushedContent> content)
      : content_(std::move(content)) {}

  void Open(ContentClaims& claims) override { claims_ = &claims; }
  bool resumable() const override { return false; }
  void Connect(Lane& lane, uint64_t offset, const absl::Status& lost,
               Done done) override;
  void Cancel() override;

 private:
  class Pump;

  const std::shared_ptr<PushedContent> content_;
  ContentClaims* claims_ = nullptr;
  std::shared_ptr<Pump> pump_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_RECEIVING_PUSH_UPSTREAM_H_
