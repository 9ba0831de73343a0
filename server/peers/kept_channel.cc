#include "server/peers/kept_channel.h"

namespace tcptool::server {

std::shared_ptr<grpc::Channel> KeptChannel::To(const std::string& address) {
  const auto now = std::chrono::steady_clock::now();
  // Before the channel is made: files that change meanwhile are seen the next
  // time.
  const int64_t version = credentials_.version();
  absl::MutexLock lock(&mutex_);
  if (channel_ == nullptr || address != address_ || version != version_ ||
      now - made_ >= longest_) {
    channel_ = credentials_.NewChannel(address, kIdle);
    address_ = address;
    version_ = version;
    made_ = now;
  }
  return channel_;
}

void KeptChannel::Drop(const std::shared_ptr<grpc::Channel>& channel) {
  absl::MutexLock lock(&mutex_);
  if (channel_ == channel) channel_ = nullptr;
}

}  // namespace tcptool::server
