#include "client/tcptool/termination.h"

#include <pthread.h>
#include <unistd.h>

#include <thread>
#include <utility>

namespace tcptool::client {

sigset_t BlockTermination() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  // A blocked signal would be delivered to sigwait() even if it is ignored.
  struct sigaction interrupt = {};
  sigaction(SIGINT, nullptr, &interrupt);
  if (interrupt.sa_handler != SIG_IGN) sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

ExitOnTermination::ExitOnTermination(std::function<void()> say) {
  std::thread([signals = BlockTermination(), state = state_,
               say = std::move(say)] {
    int signal = 0;
    sigwait(&signals, &signal);
    State expected = State::kArmed;
    if (!state->compare_exchange_strong(expected, State::kSignalled)) return;
    say();
    _exit(1);
  }).detach();
}

void ExitOnTermination::Disarm() {
  State expected = State::kArmed;
  if (state_->compare_exchange_strong(expected, State::kDisarmed)) return;
  while (expected == State::kSignalled) pause();
}

}  // namespace tcptool::client
