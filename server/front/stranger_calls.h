// What gRPC is given of a connection on which nobody has shown credentials yet.
#ifndef TCPTOOL_SERVER_FRONT_STRANGER_CALLS_H_
#define TCPTOOL_SERVER_FRONT_STRANGER_CALLS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/base/clock.h"
#include "server/front/http2_frame.h"
#include "server/front/stranger_slots.h"

namespace tcptool::server {

// gRPC 1.51 takes the calls of a connection in for as long as there is
// something to read, and answers them afterwards, so that some bytes of HTTP/2
// a call cost it 20 KiB each, without a bound: what it says of concurrent
// streams binds only a peer that acknowledges it. It collects a header that
// goes on over many CONTINUATION frames without a bound, too. So it gets
//   - a block of headers when it is whole, and not if it is too large;
//   - a new call when there is room: it has ended enough others of this
//     connection, and there is a slot (StrangerSlots). The call has the slot
//     until its answer: the first HEADERS or RST_STREAM of gRPC's for it;
//   - the end of a call (RST_STREAM) when it has answered it;
//   - of a call's messages no more than the requests that strangers may make;
//   - a SETTINGS or a PING when it has acknowledged enough others: it holds
//     what it has to acknowledge for as long as there is something to read;
//   - two GOAWAYs, of which it keeps the text.
// What is not given yet waits in front of gRPC, and what comes behind it too.
// One thread.
class StrangerCalls {
 public:
  // Calls of one connection that gRPC has not ended.
  static constexpr size_t kMaxOpen = 16;
  // A block of headers, with those of its frames; gRPC refuses a call with
  // 8 KiB of them.
  static constexpr size_t kMaxBlockBytes = 32 << 10;
  static constexpr size_t kMaxDataBytes = 16 << 10;  // Of a call.
  // A client says it at most twice: that it is about to go, and that it goes
  // (RFC 9113, section 6.8).
  static constexpr size_t kMaxGoAways = 2;
  // SETTINGS and PINGs that gRPC has not acknowledged.
  static constexpr size_t kMaxUnacknowledged = 16;

  enum class Next {
    kMore,   // More of what the client sends is needed.
    kWait,   // Nothing more can go before gRPC has answered, or a slot is free.
    kReset,  // The connection is to be reset: see why().
  };
  struct Admitted {
    size_t bytes;
    Next next;
  };

  // `on_slot` as StrangerSlots::Share has it: Admit() may be called again.
  StrangerCalls(StrangerSlots& slots, std::function<void()> on_slot)
      : share_(slots, std::move(on_slot)) {}

  // How many of `bytes`, the ones that the client has sent and that were not
  // admitted yet, gRPC may have now.
  Admitted Admit(absl::string_view bytes);
  // What gRPC has sent to the client.
  void OnAnswer(absl::string_view bytes);
  // gRPC has closed the connection, or has let somebody in on it.
  void Clear();

  const std::string& why() const { return why_; }
  // When the oldest of the calls that have no answer was admitted; `none` if
  // there is none.
  dataplane::Clock::time_point UnansweredSince(
      dataplane::Clock::time_point none) const;

 private:
  struct Call {
    uint32_t stream;
    bool answered = false;
    size_t data = 0;
    dataplane::Clock::time_point since;
  };

  Call* Find(uint32_t stream);
  void Answered(Call& call);
  void OnFrameOfServer(const Http2Frame& frame);
  // Admit() of what `bytes` begin with: the rest of a frame's payload, or a
  // frame.
  Admitted AdmitPayload(absl::string_view bytes);
  Admitted AdmitFrame(absl::string_view bytes);
  Admitted AdmitCall(const Http2Frame& first, absl::string_view bytes);
  Admitted Reset(absl::string_view why);

  StrangerSlots::Share share_;
  std::vector<Call> open_;
  uint32_t last_stream_ = 0;
  size_t unacknowledged_ = 0;
  size_t goaways_ = 0;
  // Of the frame that was entered, or of the preface.
  size_t payload_left_ = kHttp2PrefaceBytes;
  uint32_t data_of_ = 0;  // The stream, if that frame is DATA.
  // Of what gRPC sends: the beginning of a frame's header, and the payload.
  std::string answer_header_;
  size_t answer_left_ = 0;
  std::string why_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_STRANGER_CALLS_H_
