#include "server/fleet/follower/delivery_record.h"

#include <limits>
#include <system_error>
#include <utility>

#include "absl/status/statusor.h"
#include "etcd/rpc.pb.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/fleet/etcd/transaction.h"
#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

// Of a transaction that was refused; null: there is no such key.
const etcdserverpb::KeyValue* ReadAnswer(
    const etcdserverpb::TxnResponse& response, int index) {
  if (index >= response.responses_size()) return nullptr;
  const auto& range = response.responses(index).response_range();
  return range.kvs().empty() ? nullptr : &range.kvs(0);
}

}  // namespace

bool IsGivenUp(v1::DeliveryState state) {
  return state == v1::DELIVERY_STATE_FAILED ||
         state == v1::DELIVERY_STATE_CANCELLED;
}

DeliveryRecord::DeliveryRecord(const asio::any_io_executor& executor,
                               EtcdCalls* etcd, const FleetKeys& keys,
                               std::string node, DeliveryId id, Events events)
    : etcd_(etcd),
      node_key_(keys.Node(node)),
      spec_key_(keys.Spec(id.distribution)),
      record_key_(keys.Delivery(id.distribution, node)),
      id_(std::move(id)),
      events_(std::move(events)),
      timer_(executor) {}

v1::DeliveryState DeliveryRecord::state() const {
  if (wanted_) return wanted_->state();
  return known_ ? known_->state() : v1::DELIVERY_STATE_UNSPECIFIED;
}

void DeliveryRecord::Set(v1::Delivery wanted) {
  // What another run of the process has told is as old as it was.
  if (known_ && known_->state() == wanted.state() &&
      known_->content().root() == wanted.content().root() &&
      known_->has_end_time()) {
    *wanted.mutable_end_time() = known_->end_time();
  }
  if (serving_) *wanted.mutable_serving() = *serving_;
  wanted_ = std::move(wanted);
  Write();
}

void DeliveryRecord::SetServing(const v1::Serving& serving) {
  serving_ = serving;
  // Of an earlier run of the process, which this one has nothing to add to.
  if (!wanted_ && known_) wanted_ = known_;
  if (!wanted_) return;
  *wanted_->mutable_serving() = serving;
  Write();
}

void DeliveryRecord::SetIncarnation(int64_t incarnation) {
  incarnation_ = incarnation;
  Write();
}

void DeliveryRecord::Seen(const Stored<v1::Delivery>* stored,
                          int64_t revision) {
  if (stored == nullptr) return Know(std::nullopt, 0, revision);
  Know(stored->value, stored->mod_revision, revision);
}

void DeliveryRecord::Forget() {
  known_.reset();
  mod_revision_ = 0;
  known_at_ = 0;
  // An answer that is on its way may be of etcd as it was.
  asked_at_ = std::numeric_limits<int64_t>::max();
}

void DeliveryRecord::End() {
  ended_ = true;
  events_ = {};
  timer_.cancel();
}

void DeliveryRecord::Know(std::optional<v1::Delivery> value,
                          int64_t mod_revision, int64_t revision) {
  // A watch may be behind what was written here; so may the answer to a write
  // be behind a watch, and what was to be written meanwhile has waited for it.
  if (revision < known_at_) return Write();
  known_at_ = revision;
  known_ = std::move(value);
  const bool was_there = std::exchange(mod_revision_, mod_revision) != 0;
  if (mod_revision == 0 && was_there && wanted_ &&
      IsGivenUp(wanted_->state())) {
    wanted_.reset();
    const auto deleted = events_.deleted;
    deleted();
    return;
  }
  Write();
}

void DeliveryRecord::Write() {
  if (ended_ || is_writing_ || incarnation_ == 0 || !wanted_) return;
  wanted_->set_incarnation(incarnation_);
  if (known_ &&
      google::protobuf::util::MessageDifferencer::Equals(*wanted_, *known_)) {
    return;
  }
  is_writing_ = true;
  asked_at_ = known_at_;
  etcdserverpb::TxnRequest request;
  GuardCreation(request, node_key_, incarnation_);
  GuardCreation(request, spec_key_, id_.revision);
  GuardValue(request, record_key_, mod_revision_);
  Put(request, record_key_, wanted_->SerializeAsString());
  ReadIfRefused(request, node_key_);
  ReadIfRefused(request, spec_key_);
  ReadIfRefused(request, record_key_);
  etcd_->Txn(
      request,
      [self = shared_from_this(), value = *wanted_](
          const absl::StatusOr<etcdserverpb::TxnResponse>& response, auto) {
        if (!self->ended_) self->Written(response, value);
      });
}

void DeliveryRecord::Written(
    const absl::StatusOr<etcdserverpb::TxnResponse>& response,
    const v1::Delivery& value) {
  if (!response.ok()) {
    Retry();
    const auto trouble = events_.trouble;
    return trouble(response.status());
  }
  const int64_t revision = response->header().revision();
  // Etcd has gone back, and what is known of it is no more to be guarded by:
  // the watch will tell what it has now.
  if (revision < asked_at_) return Retry();
  backoff_.Reset();
  is_writing_ = false;
  if (response->succeeded()) {
    if (revision >= known_at_ || mod_revision_ != 0) {
      return Know(value, revision, revision);
    }
    // The watch has told already that it was deleted since.
    mod_revision_ = revision;
    return Know(std::nullopt, 0, known_at_);
  }
  const etcdserverpb::KeyValue* const node = ReadAnswer(*response, 0);
  const etcdserverpb::KeyValue* const spec = ReadAnswer(*response, 1);
  const etcdserverpb::KeyValue* const record = ReadAnswer(*response, 2);
  // The registration tells when it is there again; the watch, that the
  // distribution is gone.
  if (spec == nullptr || spec->create_revision() != id_.revision) return End();
  if ((node == nullptr || node->create_revision() != value.incarnation()) &&
      incarnation_ == value.incarnation()) {
    incarnation_ = 0;
  }
  if (record == nullptr) return Know(std::nullopt, 0, revision);
  v1::Delivery read;
  std::optional<v1::Delivery> known;
  if (ParseValue(record->value(), read)) known = std::move(read);
  Know(std::move(known), record->mod_revision(), revision);
}

void DeliveryRecord::Retry() {
  timer_.expires_after(backoff_.Next());
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (error || self->ended_) return;
    self->is_writing_ = false;
    self->Write();
  });
}

}  // namespace tcptool::fleet
