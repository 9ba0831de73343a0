#include "server/connect/in_process_call.h"

#include <grpcpp/support/slice.h>

#include <utility>
#include <vector>

#include "absl/memory/memory.h"

namespace tcptool::server {
namespace {

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

InProcessCall::InProcessCall(VouchedPeers::Voucher caller,
                             const Request& request, Events events)
    : caller_(std::move(caller)),
      events_(std::move(events)),
      request_(BufferOf(request.message)),
      context_(std::make_unique<grpc::ClientContext>()) {
  context_->AddMetadata(VouchedPeers::kKey, caller_.name());
  if (!request.authorization.empty()) {
    context_->AddMetadata("authorization", request.authorization);
  }
  if (request.timeout) {
    context_->set_deadline(std::chrono::system_clock::now() + *request.timeout);
  }
}

std::shared_ptr<InProcessCall> InProcessCall::Start(
    grpc::GenericStub& stub, VouchedPeers::Voucher caller,
    const Request& request, Events events) {
  std::shared_ptr<InProcessCall> call(
      new InProcessCall(std::move(caller), request, std::move(events)));
  call->self_ = call;
  grpc::ClientContext* context = nullptr;
  {
    absl::MutexLock lock(&call->mutex_);
    context = call->context_.get();
  }
  stub.PrepareBidiStreamingCall(context, request.path, {}, call.get());
  // Reads begin outside of reactions too.
  call->AddHold();
  call->StartWriteLast(&call->request_, grpc::WriteOptions());
  call->StartRead(&call->response_);
  call->StartCall();
  return call;
}

void InProcessCall::Next() {
  {
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(waits_, false)) return;
  }
  StartRead(&response_);
}

void InProcessCall::Cancel() {
  {
    absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    // Reactions to it take the lock on gRPC's threads, and not within this
    // call.
    if (context_ != nullptr) context_->TryCancel();
  }
  // The hold goes with a read that fails.
  Next();
}

void InProcessCall::OnReadDone(bool ok) {
  if (!ok) return RemoveHold();
  std::string message = BytesOf(response_);
  response_.Clear();
  bool is_cancelled = false;
  {
    absl::MutexLock lock(&mutex_);
    is_cancelled = cancelled_;
    waits_ = !is_cancelled;
  }
  // Who has cancelled it may not call Next(). A read that fails comes soon.
  if (is_cancelled) return StartRead(&response_);
  events_.on_message(std::move(message));
}

void InProcessCall::OnDone(const grpc::Status& status) {
  // It keeps the channel. With the last one gRPC 1.51 joins its threads, of
  // which this is one, and goes on with what it has freed. Whoever waits for
  // the end has the channel as well, until that is told.
  std::unique_ptr<grpc::ClientContext> context;
  {
    absl::MutexLock lock(&mutex_);
    context = std::move(context_);
  }
  context = nullptr;
  events_.on_end(status);
  self_ = nullptr;
}

}  // namespace tcptool::server
