#include "dataplane/lane.h"

#include <pthread.h>

namespace tcptool::dataplane {

Lane::Lane(SocketApi& sockets, asio::thread_pool& disk)
    : sockets_(sockets),
      blocks_(io_, disk),
      work_(asio::make_work_guard(io_)),
      thread_([this] {
        pthread_setname_np(pthread_self(), "lane");
        io_.run();
      }) {}

Lane::~Lane() {
  io_.stop();
  thread_.join();
}

}  // namespace tcptool::dataplane
