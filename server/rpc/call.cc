#include "server/rpc/call.h"

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include <utility>

#include "server/api/grpc_status.h"
#include "server/rpc/open_calls.h"
#include "server/security/audit.h"

namespace tcptool::server {
namespace {

grpc::ByteBuffer Serialize(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  bool owned = false;
  grpc::GenericSerialize<grpc::ProtoBufferWriter, google::protobuf::Message>(
      message, &bytes, &owned);
  return bytes;
}

}  // namespace

Call::Clock::duration Call::WaitingFor(Clock::time_point now) const {
  // Of one that has ended, no message is waited for any more.
  const Clock::rep ended = ended_since_;
  const Clock::rep since = ended != 0 ? ended : reading_since_.load();
  if (since == 0) return Clock::duration::zero();
  return now.time_since_epoch() - Clock::duration(since);
}

void Call::SetCancelReason(absl::Status reason) {
  absl::MutexLock lock(&mutex_);
  cancel_reason_ = std::move(reason);
}

absl::Status Call::EndReason(const absl::Status& otherwise) const {
  absl::MutexLock lock(&mutex_);
  return cancel_reason_.ok() ? otherwise : cancel_reason_;
}

absl::Status Call::CancelReason() const {
  return EndReason(
      absl::CancelledError("the client cancelled the call, or was lost"));
}

void Call::Read() {
  reading_since_ = Clock::now().time_since_epoch().count();
  StartRead(&received_);
}

void Call::OnReadDone(bool ok) {
  reading_since_ = 0;
  OnRead(ok);
}

absl::Status Call::Parse(google::protobuf::Message& message) {
  grpc::ProtoBufferReader reader(&received_);
  const bool parsed =
      reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
  received_.Clear();
  if (parsed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "the request is no message of this method: it is cut, or a string in it "
      "is no UTF-8");
}

void Call::Write(const google::protobuf::Message& message) {
  sent_ = Serialize(message);
  headers_.open->Sends(this, sent_.Length());
  StartWrite(&sent_);
}

void Call::OnWriteDone(bool ok) {
  headers_.open->HasSent(this);
  OnWritten(ok);
}

void Call::End(const absl::Status& status) {
  Log(status);
  ended_since_ = Clock::now().time_since_epoch().count();
  // gRPC's clients try again at once otherwise.
  if (IsTriedForLong(status)) {
    headers_.context->AddTrailingMetadata("grpc-retry-pushback-ms", "-1");
  }
  Finish(ToGrpc(status));
}

void Call::WriteAndEnd(const google::protobuf::Message& message) {
  Log(absl::OkStatus());
  sent_ = Serialize(message);
  ended_since_ = Clock::now().time_since_epoch().count();
  headers_.open->Sends(this, sent_.Length());
  StartWriteAndFinish(&sent_, grpc::WriteOptions(), grpc::Status::OK);
}

void Call::Log(const absl::Status& status) const {
  // One that was refused has a line of RefusalLog's.
  if (headers_.required != Role::kOperator ||
      headers_.caller.role < headers_.required) {
    return;
  }
  LogAudit(headers_.caller.name, headers_.peer, headers_.context->method(),
           target_, status);
}

void Call::OnDone() { headers_.open->Remove(this); }

}  // namespace tcptool::server
