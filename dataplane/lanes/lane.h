// A lane: one thread with one event loop, and what its sessions share. A
// recipient lives on one lane from its first byte to its last, so that the byte
// path needs no lock.
#ifndef TCPTOOL_DATAPLANE_LANES_LANE_H_
#define TCPTOOL_DATAPLANE_LANES_LANE_H_

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <thread>

#include "absl/time/time.h"
#include "dataplane/lanes/block_cache.h"
#include "dataplane/lanes/counters.h"
#include "dataplane/lanes/disk_threads.h"
#include "dataplane/lanes/socket_api.h"

namespace tcptool::dataplane {

class Lane {
 public:
  // Starts the thread. `sockets` and `disk`, where what may wait for a disk is
  // run, outlive the lane; `disk` is joined before the lane is destroyed.
  Lane(SocketApi& sockets, DiskThreads& disk);
  // As Stop(). What was posted and has not run is dropped.
  ~Lane();

  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // Stops the loop, and joins. What is posted from then on is kept, and does
  // not run.
  void Stop();

  asio::io_context& io() { return io_; }
  SocketApi& sockets() { return sockets_; }
  DiskThreads& disk() { return disk_; }
  // On the lane's thread only.
  BlockCache& blocks() { return blocks_; }

  // CPU time of the lane's thread. Any thread.
  absl::Duration processor_time() const;
  // How late the event loop runs a timer that is due, sampled four times a
  // second.
  const DurationHistogram& lag() const { return lag_; }

 private:
  void WaitForProbe();

  SocketApi& sockets_;
  DiskThreads& disk_;
  // Outlives the loop, whose last handlers own feeds that use it.
  BlockCache blocks_;
  asio::io_context io_{1};  // One thread runs it.
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer probe_timer_;
  DurationHistogram lag_;
  std::thread thread_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_LANE_H_
