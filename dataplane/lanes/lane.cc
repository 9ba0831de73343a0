#include "dataplane/lanes/lane.h"

#include <pthread.h>

#include <array>
#include <chrono>
#include <ctime>

namespace tcptool::dataplane {
namespace {

constexpr auto kProbe = std::chrono::milliseconds(250);

constexpr std::array kLagBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                   0.05,   0.1,   0.25,   0.5,   1.0};

}  // namespace

Lane::Lane(SocketApi& sockets, DiskThreads& disk)
    : sockets_(sockets),
      disk_(disk),
      blocks_(io_, disk),
      work_(asio::make_work_guard(io_)),
      probe_timer_(io_),
      lag_(kLagBounds),
      thread_([this] {
        pthread_setname_np(pthread_self(), "lane");
        WaitForProbe();
        io_.run();
      }) {}

Lane::~Lane() { Stop(); }

void Lane::Stop() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

absl::Duration Lane::processor_time() const {
  // The thread runs until the lane is destroyed.
  const auto thread = const_cast<std::thread&>(thread_).native_handle();
  clockid_t clock;
  timespec time{};
  if (pthread_getcpuclockid(thread, &clock) == 0) clock_gettime(clock, &time);
  return absl::DurationFromTimespec(time);
}

void Lane::WaitForProbe() {
  probe_timer_.expires_after(kProbe);
  probe_timer_.async_wait([this](std::error_code error) {
    if (error) return;
    lag_.Add(absl::FromChrono(std::chrono::steady_clock::now() -
                              probe_timer_.expiry()));
    WaitForProbe();
  });
}

}  // namespace tcptool::dataplane
