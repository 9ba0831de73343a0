// Connects to a sender by its name, and waits for it if need be.
#ifndef TCPTOOL_DATAPLANE_DIALING_DIALER_H_
#define TCPTOOL_DATAPLANE_DIALING_DIALER_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "dataplane/base/unique_fd.h"
#include "dataplane/dialing/happy_eyeballs.h"
#include "dataplane/dialing/resolver.h"

namespace tcptool::dataplane {

struct DialTarget {
  std::string host;  // A name or an IP address.
  std::string port;  // A number.
  // How long to go on trying. 0: once, with the system's time-outs.
  absl::Duration wait;
};

// "sender:9876", "[2001:db8::7]:9876", for people.
std::string NameOf(const DialTarget& target);

// Tries all addresses of a name (see ConnectionRace), repeatedly until the wait
// is over, with a new look-up each time.
//
// The socket does not block, and resets on close. Errors: NotFound, the name
// has no address; ResourceExhausted, no socket can be had; Unavailable, nobody
// answered. The message has the system's reason.
//
// Lives on the thread that runs `io`, and keeps itself alive until it is done.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  using Done = ConnectionRace::Done;

  Dialer(asio::io_context& io, DialTarget target, Done done);

  // Does not call `done` before it returns.
  void Start();
  // `done` is not called any more. To be called, or to be done, before `io` is
  // destroyed.
  void Cancel();

 private:
  using Clock = std::chrono::steady_clock;

  // Where the resolver's thread, which may come too late, gives its answer.
  struct Mailbox {
    absl::Mutex mutex;
    asio::io_context* io ABSL_GUARDED_BY(mutex) = nullptr;  // Null: too late.
  };

  void LookUp();
  void OnLookUpTimeout();
  void OnResolved(absl::StatusOr<Endpoints> endpoints);
  void OnResult(absl::StatusOr<UniqueFd> result);
  void CloseMailbox();
  void Finish(absl::StatusOr<UniqueFd> result);

  asio::io_context& io_;
  const DialTarget target_;
  Done done_;  // Null: it is over.
  const Clock::time_point deadline_;
  asio::steady_timer timer_;
  std::shared_ptr<Mailbox> mailbox_;
  std::shared_ptr<ConnectionRace> race_;
  absl::Status reason_;  // Of the last attempt that had its time.
  // The look-up has no handler in `io` meanwhile.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::shared_ptr<Dialer> self_;  // For as long.
};

// The same for a thread that waits for it. The socket blocks.
absl::StatusOr<UniqueFd> Dial(const DialTarget& target);

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_DIALING_DIALER_H_
