// A channel for calls that are made again and again.
#ifndef TCPTOOL_SERVER_PEERS_KEPT_CHANNEL_H_
#define TCPTOOL_SERVER_PEERS_KEPT_CHANNEL_H_

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "server/peers/node_credentials.h"

namespace tcptool::server {

// To one node at a time: the coordinator, which each node calls every 2 s. A
// handshake of TLS for each call would cost a coordinator of hundreds of nodes
// much of a core, and takes long over a link that is busy with content.
//
// Its connection ends by itself where calls are rarer, so that a fleet of
// thousands, whose nodes call less often, has no more of them at its
// coordinator. Any thread may call any method.
class KeptChannel {
 public:
  // Calls that come as often share a connection: somewhat more than the time
  // between two reports of a node, in a fleet of up to 400.
  static constexpr std::chrono::milliseconds kIdle{2'500};
  // A node that the others have shut out since is connected for no longer.
  static constexpr std::chrono::minutes kLongest{10};

  // `credentials` outlives it.
  explicit KeptChannel(const NodeCredentials& credentials,
                       std::chrono::milliseconds longest = kLongest)
      : credentials_(credentials), longest_(longest) {}

  // The same as before, as long as `address` and the credentials are, and it is
  // not too old.
  std::shared_ptr<grpc::Channel> To(const std::string& address);
  // A call over it was not answered: its connection may be dead without a word,
  // and the next call has another one.
  void Drop(const std::shared_ptr<grpc::Channel>& channel);

 private:
  const NodeCredentials& credentials_;
  const std::chrono::milliseconds longest_;
  absl::Mutex mutex_;
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
  std::string address_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the credentials.
  std::chrono::steady_clock::time_point made_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_PEERS_KEPT_CHANNEL_H_
