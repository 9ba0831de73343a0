#include "server/fleet/counts/fleet_counts.h"

#include <algorithm>

namespace tcptool::fleet {
namespace {

EtcdFailure FailureOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return EtcdFailure::kUnavailable;
    case absl::StatusCode::kUnknown:
      return EtcdFailure::kUnknown;
    case absl::StatusCode::kResourceExhausted:
      return EtcdFailure::kResourceExhausted;
    case absl::StatusCode::kPermissionDenied:
      return EtcdFailure::kPermissionDenied;
    case absl::StatusCode::kUnauthenticated:
      return EtcdFailure::kUnauthenticated;
    default:
      return EtcdFailure::kOther;
  }
}

bool IsAnswer(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return false;
    default:
      return true;
  }
}

}  // namespace

void FleetCounts::SetRegistered(bool is_registered) {
  absl::MutexLock lock(&mutex_);
  measures_.is_registered = is_registered;
}

void FleetCounts::SetCoordinator(bool is_coordinator) {
  absl::MutexLock lock(&mutex_);
  measures_.is_coordinator = is_coordinator;
}

void FleetCounts::SetDeliveries(const DeliveryCounts& deliveries) {
  absl::MutexLock lock(&mutex_);
  measures_.deliveries = deliveries;
}

void FleetCounts::FoundSlowNode() {
  absl::MutexLock lock(&mutex_);
  ++measures_.slow_nodes;
}

void FleetCounts::Saw(int64_t term, size_t nodes) {
  absl::MutexLock lock(&mutex_);
  measures_.nodes = static_cast<int64_t>(nodes);
  if (term == 0 || term == term_) return;
  if (term_ != 0) ++measures_.coordinator_changes;
  term_ = term;
}

void FleetCounts::Answered(EtcdCall call, const absl::Status& status,
                           Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  measures_.is_etcd_reachable = IsAnswer(status.code());
  if (measures_.is_etcd_reachable) heard_ = now;
  if (status.ok()) return;
  ++measures_.etcd_failures[static_cast<size_t>(call)]
                           [static_cast<size_t>(FailureOf(status.code()))];
}

FleetMeasures FleetCounts::Read(Clock::time_point now) const {
  absl::MutexLock lock(&mutex_);
  FleetMeasures measures = measures_;
  // An answer may have come after `now` was read.
  measures.etcd_silence = std::max(now - heard_, Clock::duration::zero());
  return measures;
}

}  // namespace tcptool::fleet
