// Back to the thread of an io_context, if that is still there.
#ifndef TCPTOOL_SERVER_FLEET_DELIVERIES_POST_WEAKLY_H_
#define TCPTOOL_SERVER_FLEET_DELIVERIES_POST_WEAKLY_H_

#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <memory>
#include <utility>

namespace tcptool::fleet {

// From any thread. No effect if `io` has gone. For handlers that own who uses
// `io`: an owner of it would never go, queued in the io_context that it owns.
template <typename Handler>
void PostWeakly(const std::weak_ptr<asio::io_context>& io, Handler handler) {
  if (const auto owned = io.lock()) asio::post(*owned, std::move(handler));
}

}  // namespace tcptool::fleet

#endif  // TCPTOOL_SERVER_FLEET_DELIVERIES_POST_WEAKLY_H_
