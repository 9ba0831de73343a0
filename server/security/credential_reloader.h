// Reads the file of tokens again and again.
#ifndef TCPTOOL_SERVER_SECURITY_CREDENTIAL_RELOADER_H_
#define TCPTOOL_SERVER_SECURITY_CREDENTIAL_RELOADER_H_

#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "dataplane/base/clock.h"

namespace tcptool::server {

// On a thread of its own, once a second: a disk that is gone, such as a network
// file system, can hold that thread for ever, and neither calls nor the stop
// wait for it.
class CredentialReloader {
 public:
  // `reload` owns what it uses: a reload that hangs is left behind.
  explicit CredentialReloader(std::function<void()> reload);
  // Waits for the reload that is running, but not longer than a second.
  ~CredentialReloader();

  // For how long the reload that is running has run; zero: none is. Any thread.
  dataplane::Clock::duration running_for() const;

 private:
  struct State;

  static void Run(const std::shared_ptr<State>& state,
                  const std::function<void()>& reload);

  const std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_SECURITY_CREDENTIAL_RELOADER_H_
