// The tickets with which other nodes connect to the data port.
#ifndef TCPTOOL_SERVER_PEERS_TICKET_BOOK_H_
#define TCPTOOL_SERVER_PEERS_TICKET_BOOK_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <span>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace tcptool::server {

// A ticket is 32 random bytes, known to this process and to whom it was given.
// It is good once, for the call that it was issued for. Any thread may call any
// method.
class TicketBook {
 public:
  using Clock = std::chrono::steady_clock;
  using Secret = std::array<std::byte, 32>;

  static constexpr Clock::duration kLife = std::chrono::seconds(10);
  // Beyond this the oldest is forgotten.
  static constexpr size_t kMost = 1024;

  // `call`: a number that the owner tells its calls apart by. `host`: whose
  // call it is, as HostOf() has it. UNAVAILABLE: the system has no random
  // bytes.
  absl::StatusOr<Secret> Issue(uint64_t call, const std::string& host,
                               Clock::time_point now);
  // The call of a ticket, which is used up by this; none: there is no such
  // ticket, it has been used, or it is too old. Takes the same time for all
  // that are wrong.
  std::optional<uint64_t> Redeem(std::span<const std::byte, 32> secret,
                                 Clock::time_point now);
  // How many of a host's tickets have not been used and are not too old.
  size_t CountOf(const std::string& host, Clock::time_point now) const;
  // The call is over: its ticket is not good any more.
  void Revoke(uint64_t call);

 private:
  struct Ticket {
    Secret secret;
    uint64_t call = 0;
    std::string host;
    Clock::time_point expires;
  };

  mutable absl::Mutex mutex_;
  std::list<Ticket> tickets_ ABSL_GUARDED_BY(mutex_);  // The oldest first.
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_TICKET_BOOK_H_
