// Whether the control port takes connections, as seen from outside.
#ifndef TCPTOOL_SERVER_RPC_CONTROL_PROBE_H_
#define TCPTOOL_SERVER_RPC_CONTROL_PROBE_H_

#include <chrono>
#include <functional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "server/base/steady_cond_var.h"

namespace tcptool::server {

// Connects to the control port again and again, from a thread of its own, and
// waits until the server's side of the connection does anything. No credentials
// and no TLS are needed for that: the probe half-closes at once, to which a
// server answers with its first bytes or an end, and a full one with a reset.
// Then it has a call made behind that. What is found so: a port, or a Unix
// socket, that is gone, descriptors that have run out, and threads of the
// listener's or gRPC's that hang, or that gRPC has not got.
class ControlProbe {
 public:
  struct Options {
    std::chrono::milliseconds interval{5'000};
    // For how long every probe must have failed before the port is said not to
    // work: a busy machine is no reason to restart the service.
    std::chrono::milliseconds limit{20'000};
  };
  // On the probe's thread, when works() has changed.
  using OnChange = std::function<void(bool works)>;

  // On the probe's thread: an error if a call is not answered in this time.
  using TryCall = std::function<absl::Status(std::chrono::milliseconds)>;

  // `address`: ControlListener::address().
  ControlProbe(const std::string& address, Options options, TryCall try_call,
               OnChange on_change);
  ~ControlProbe();

  // True at first. Any thread.
  bool works() const;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  // One connection, which may take `timeout`.
  absl::Status TryPort(std::chrono::milliseconds timeout) const;
  void SetWorks(bool works, const absl::Status& last);

  const std::string address_;
  const Options options_;
  const TryCall try_call_;
  const OnChange on_change_;
  mutable absl::Mutex mutex_;
  bool works_ ABSL_GUARDED_BY(mutex_) = true;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  SteadyCondVar stopped_changed_;
  std::thread thread_;  // Runs Run().
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_CONTROL_PROBE_H_
