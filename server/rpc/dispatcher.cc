#include "server/rpc/dispatcher.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/errors.h"
#include "server/front/grpc_pair.h"
#include "server/rpc/refused_call.h"

namespace tcptool::server {
namespace {

// How long a caller without credentials may take to send its request, and to
// read the answer.
constexpr auto kStrangerLimit = std::chrono::seconds(5);

// `status`, of a call that is not allowed, with its reason.
absl::Status WithRefusal(absl::Status status, const Auth::Metadata& metadata,
                         Role required) {
  if (absl::IsPermissionDenied(status)) {
    return WithReason(std::move(status), v1::ERROR_REASON_ROLE_MISSING,
                      {{"role", RoleName(required)}});
  }
  return WithReason(std::move(status),
                    metadata.count("authorization") > 0
                        ? v1::ERROR_REASON_CREDENTIALS_UNKNOWN
                        : v1::ERROR_REASON_CREDENTIALS_MISSING);
}

Caller Anonymous() { return {.name = std::string(Caller::kAnonymous)}; }

// Unknown methods take an operator: others do not learn which exist.
Role RequiredFor(const MethodTable::Method* method) {
  return method == nullptr ? Role::kOperator : method->required;
}

}  // namespace

grpc::ServerGenericBidiReactor* Dispatcher::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  const std::shared_ptr<Call> call = NewCall(*context);
  open_.Add(call);
  call->Begin();
  open_.MakeRoom();
  // The call may have ended already; gRPC calls OnDone() only once it has the
  // reactor.
  return call.get();
}

Front::Visitor Dispatcher::VisitorOf(
    const grpc::GenericCallbackServerContext& context) const {
  const auto& metadata = context.client_metadata();
  if (const auto vouched = metadata.find(VouchedPeers::kKey);
      vouched != metadata.end()) {
    const grpc::string_ref& name = vouched->second;
    std::shared_ptr<const Peer> peer =
        vouched_peers_->Take({name.data(), name.size()});
    // Whoever vouches has bounds of its own for strangers.
    if (peer != nullptr) return {.peer = std::move(peer), .trusted = true};
  }
  const std::string name = context.peer();
  Front::Visitor visitor;
  if (front_ != nullptr) visitor = front_->Find(name);
  // gRPC may have calls of a connection that is gone.
  if (visitor.peer == nullptr) {
    visitor.peer = std::make_shared<Peer>(Peer{.address = AddressIn(name)});
  }
  return visitor;
}

absl::StatusOr<Caller> Dispatcher::Admit(const std::string& path,
                                         const Auth::Metadata& metadata,
                                         const Peer& peer) {
  const Role required = RequiredFor(methods_.Find(path));
  if (required == Role::kNone) return Anonymous();
  absl::StatusOr<Caller> caller = auth_->Identify(metadata, peer);
  absl::Status status =
      caller.ok() ? CheckRole(path, required, *caller) : caller.status();
  if (status.ok()) {
    caller->certificate_names = peer.certificate_names;
    return caller;
  }
  status = WithRefusal(std::move(status), metadata, required);
  refusals_.Add(caller.ok() ? caller->name : "unknown", peer.address, path,
                status);
  return status;
}

std::shared_ptr<Call> Dispatcher::NewCall(
    grpc::GenericCallbackServerContext& context) {
  const std::string& path = context.method();
  const MethodTable::Method* method = methods_.Find(path);
  const Front::Visitor visitor = VisitorOf(context);
  Call::Headers headers = {.context = &context,
                           .peer = visitor.peer->address,
                           .caller = Anonymous(),
                           .required = RequiredFor(method),
                           .open = &open_};
  const bool is_strangers = front_ != nullptr && !visitor.trusted;
  if (is_strangers) headers.count = front_->CountCall();
  if (headers.required != Role::kNone) {
    absl::StatusOr<Caller> caller =
        Admit(path, context.client_metadata(), *visitor.peer);
    if (!caller.ok()) {
      return std::make_shared<RefusedCall>(std::move(headers), caller.status());
    }
    headers.caller = *std::move(caller);
    headers.count = nullptr;
    if (front_ != nullptr) front_->Trust(context.peer(), headers.caller);
  }
  if (method == nullptr) {
    return std::make_shared<RefusedCall>(
        std::move(headers),
        absl::UnimplementedError(
            "there is no such method; is the service older than its client?"));
  }
  return method->new_call(std::move(headers));
}

absl::Status Dispatcher::WhyCancel(const Call& call, bool recheck) const {
  if (recheck) {
    absl::Status status = auth_->Recheck(call.caller(), call.required());
    if (!status.ok()) return status;
  }
  const std::chrono::seconds limit =
      call.caller().role == Role::kNone ? kStrangerLimit : idle_limit_;
  if (call.WaitingFor(Call::Clock::now()) < limit) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the client has sent no message for ", limit.count(),
                   " s, with room for one, or has not read its answer"));
}

void Dispatcher::Tick() {
  if (const int now = auth_->version(); now != version_) {
    version_ = now;
    rechecks_ = 2;
  }
  const bool recheck = rechecks_ > 0;
  if (recheck) --rechecks_;
  open_.CancelIf(
      [this, recheck](const Call& call) { return WhyCancel(call, recheck); });
  if (recheck && front_ != nullptr) {
    front_->Revoke([this](const Caller& caller) {
      return auth_->Recheck(caller, Role::kViewer).ok();
    });
  }
  open_.MakeRoom();
  refusals_.Flush();
}

}  // namespace tcptool::server
