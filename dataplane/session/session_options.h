// What a session is asked to do.
#ifndef TCPTOOL_DATAPLANE_SESSION_SESSION_OPTIONS_H_
#define TCPTOOL_DATAPLANE_SESSION_SESSION_OPTIONS_H_

#include <asio/ip/address.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "dataplane/base/state.h"
#include "dataplane/sending/limits.h"
#include "dataplane/session/access_list.h"
#include "dataplane/tls/session_tls.h"

namespace tcptool::dataplane {

// Besides these, a session starts when its ready recipients reach
// `max_recipients`, when all that are expected are ready, and by
// Session::Start().
struct StartPolicy {
  // Each recipient is served on arrival, until the session is cancelled or
  // expires. For sources that can be read again only; the rest of the policy is
  // moot.
  bool immediate = false;
  bool ignore_start_byte = false;
  // An immediate session takes no more recipients once all that are expected
  // are DELIVERED; others that it has by then are reset after `others_grace`.
  bool end_when_expected_delivered = false;
  absl::Duration others_grace = absl::Minutes(5);
  // Start once this many recipients are ready and `max_wait` has passed since
  // the session was created. Off while both are zero.
  uint32_t min_recipients = 0;
  absl::Duration max_wait;
};

struct ExpectedRecipient {
  // Whoever comes from there; moot where there is an `identity`.
  asio::ip::address address;
  std::string label;
  uint64_t id = 0;  // Of its record; 0: the next one.
  // A name in its certificate, wherever it comes from: "cn:NAME", "dns:NAME" or
  // "uri:NAME". The session has `tls`.
  std::string identity;
};

// What a session from before a restart of the program continues from.
struct Resume {
  absl::Time create_time;
  uint64_t last_recipient = 0;  // Ids up to this one are not given again.
  // Of an immediate session: when it began to send, if it has, and its
  // recipients, all EXPECTED or ended.
  absl::Time start_time = absl::InfinitePast();
  std::vector<RecipientStatus> recipients;
};

struct SessionOptions {
  // If not, it has no port: its recipients come by Session::Take() alone. It is
  // not counted among the sessions.
  bool listens = true;
  asio::ip::address bind_address = asio::ip::address_v4::any();
  uint16_t port = 0;  // 0: the kernel picks one.
  // The session starts when this many are ready; further ones are turned away
  // with CAPACITY. 0: no limit.
  uint32_t max_recipients = 0;
  AccessList allow;
  StartPolicy start;
  std::vector<ExpectedRecipient> expected;
  // Content in TLS; null: in clear text.
  std::shared_ptr<const SessionTls> tls;
  Limits limits;
  // Whether SessionStatus::content_sha256 is computed. A session that delivers
  // waits for it before it ends.
  bool compute_sha256 = false;
  // From creation until a session that nobody has started is EXPIRED.
  absl::Duration expire_after = absl::InfiniteDuration();
  std::optional<Resume> resume;
  // How long a session that has nobody else waits for a node that was lost.
  absl::Duration nodes_may_return = absl::Seconds(30);
};

// What changes of a session that goes on; none: it stays as it is.
struct SessionChanges {
  std::optional<uint64_t> recipient_bytes_per_second;
  std::optional<uint64_t> session_bytes_per_second;
  std::optional<absl::Duration> expire_after;
  std::optional<AccessList> allow;
  std::vector<ExpectedRecipient> more_expected;

  bool empty() const {
    return !recipient_bytes_per_second && !session_bytes_per_second &&
           !expire_after && !allow && more_expected.empty();
  }
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_SESSION_SESSION_OPTIONS_H_
