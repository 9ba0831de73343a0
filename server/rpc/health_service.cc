#include "server/rpc/health_service.h"

#include <optional>
#include <utility>

namespace tcptool::server {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

const google::protobuf::MethodDescriptor& MethodOf(const std::string& name) {
  return *HealthCheckRequest::descriptor()
              ->file()
              ->FindServiceByName("Health")
              ->FindMethodByName(name);
}

}  // namespace

// Sends the status, and sends it again whenever it changes.
class HealthService::WatchCall : public Call {
 public:
  WatchCall(Headers headers, HealthService& health)
      : Call(std::move(headers)), health_(health) {}

  void Begin() override { Read(); }

  // The status may have changed.
  void Wake() {
    absl::MutexLock lock(&mutex_);
    if (!writing_ && !finished_) Tell();
  }

  void OnWritten(bool ok) override {
    absl::MutexLock lock(&mutex_);
    writing_ = false;
    if (finished_) return;
    if (ok) return Tell();
    EndOnce(CancelReason());
  }

  void OnCancel() override {
    absl::MutexLock lock(&mutex_);
    EndOnce(CancelReason());
  }

  void OnDone() override {
    health_.RemoveWatch(Self());
    // Another thread may still be in a method that holds the mutex: waits until
    // it has left, as the call may be destroyed next.
    { absl::MutexLock lock(&mutex_); }
    Call::OnDone();
  }

 private:
  void OnRead(bool ok) override {
    HealthCheckRequest request;
    absl::Status status =
        ok ? Parse(request)
           : absl::InvalidArgumentError("the request has not come");
    if (status.ok()) health_.AddWatch(Self());
    absl::MutexLock lock(&mutex_);
    if (!status.ok()) return EndOnce(status);
    service_ = request.service();
    if (!writing_ && !finished_) Tell();
  }

  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!service_) return;
    const HealthCheckResponse response = health_.StateOf(*service_);
    if (told_ == response.status()) return;
    told_ = response.status();
    writing_ = true;
    Write(response);
  }

  void EndOnce(const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (!std::exchange(finished_, true)) End(status);
  }

  std::shared_ptr<WatchCall> Self() {
    return std::static_pointer_cast<WatchCall>(shared_from_this());
  }

  HealthService& health_;
  absl::Mutex mutex_;
  std::optional<std::string> service_ ABSL_GUARDED_BY(mutex_);
  std::optional<HealthCheckResponse::ServingStatus> told_
      ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

HealthService::HealthService()
    : check_([this](const HealthCheckRequest& request, const Caller&,
                    const CheckCall::Done& done) { Check(request, done); }) {}

void HealthService::AddTo(MethodTable& table) {
  table.Add(MethodOf("Check"), Role::kNone, [this](Call::Headers headers) {
    return std::make_shared<CheckCall>(std::move(headers), check_);
  });
  table.Add(MethodOf("Watch"), Role::kNone, [this](Call::Headers headers) {
    return std::make_shared<WatchCall>(std::move(headers), *this);
  });
  services_ = {""};
  for (const auto* service : table.services()) {
    services_.insert(service->full_name());
  }
}

void HealthService::SetServing(bool serving) {
  std::set<std::shared_ptr<WatchCall>> watches;
  {
    absl::MutexLock lock(&mutex_);
    serving_ = serving;
    watches = watches_;
  }
  for (const auto& watch : watches) watch->Wake();
}

void HealthService::Check(const HealthCheckRequest& request,
                          const CheckCall::Done& done) const {
  HealthCheckResponse response = StateOf(request.service());
  if (response.status() == HealthCheckResponse::SERVICE_UNKNOWN) {
    return done(absl::NotFoundError("there is no such service"));
  }
  done(std::move(response));
}

HealthCheckResponse HealthService::StateOf(const std::string& service) const {
  HealthCheckResponse response;
  absl::MutexLock lock(&mutex_);
  response.set_status(!services_.contains(service)
                          ? HealthCheckResponse::SERVICE_UNKNOWN
                      : serving_ ? HealthCheckResponse::SERVING
                                 : HealthCheckResponse::NOT_SERVING);
  return response;
}

void HealthService::AddWatch(std::shared_ptr<WatchCall> call) {
  absl::MutexLock lock(&mutex_);
  watches_.insert(std::move(call));
}

void HealthService::RemoveWatch(const std::shared_ptr<WatchCall>& call) {
  absl::MutexLock lock(&mutex_);
  watches_.erase(call);
}

}  // namespace tcptool::server
