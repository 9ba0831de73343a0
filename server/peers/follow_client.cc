#include "server/peers/follow_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "text/characters.h"

namespace tcptool::server {
namespace {

// Of what another node says of an error, in columns.
constexpr size_t kLongestMessage = 500;

}  // namespace

std::shared_ptr<FollowClient> FollowClient::Start(
    const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
    peer::v1::FollowRequest request, Handlers handlers) {
  std::shared_ptr<FollowClient> client(
      new FollowClient(channel, std::move(request), std::move(handlers)));
  client->self_ = client;
  if (!token.empty()) {
    client->context_.AddMetadata("authorization",
                                 absl::StrCat("Bearer ", token));
  }
  client->stub_->async()->Follow(&client->context_, &client->request_,
                                 client.get());
  client->StartRead(&client->response_);
  client->StartCall();
  return client;
}

void FollowClient::Next() {
  {
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(pauses_, false)) return;
  }
  StartRead(&response_);
  RemoveHold();
}

void FollowClient::Cancel() {
  bool paused = false;
  {
    absl::MutexLock lock(&mutex_);
    on_message_ = nullptr;
    on_end_ = nullptr;
    paused = std::exchange(pauses_, false);
  }
  context_.TryCancel();
  if (paused) RemoveHold();
}

void FollowClient::OnReadDone(bool ok) {
  if (!ok) return;  // OnDone() follows.
  absl::MutexLock lock(&mutex_);
  if (on_message_ == nullptr) return;
  pauses_ = true;
  AddHold();
  on_message_(std::exchange(response_, {}));
}

void FollowClient::OnDone(const grpc::Status& status) {
  std::shared_ptr<FollowClient> self = std::exchange(self_, nullptr);
  {
    absl::MutexLock lock(&mutex_);
    on_message_ = nullptr;
    if (on_end_ != nullptr) {
      std::exchange(on_end_, nullptr)(absl::Status(
          static_cast<absl::StatusCode>(status.error_code()),
          Truncate(Printable(status.error_message()), kLongestMessage)));
    }
  }
  on_done_(std::move(self));
}

}  // namespace tcptool::server
