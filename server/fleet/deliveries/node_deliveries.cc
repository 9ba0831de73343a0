#include "server/fleet/deliveries/node_deliveries.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/fleet/state/reception_name.h"
#include "server/receptions/reception_uploads.h"

namespace tcptool::fleet {
namespace {

// How often is looked at what is under way: a state changes a few times.
constexpr std::chrono::milliseconds kInterval(100);

// As long as a reception may take at all: the distribution says how long it is
// waited for a node.
constexpr absl::Duration kLongest = absl::Hours(8760);

}  // namespace

NodeDeliveries::NodeDeliveries(Service service, std::string fleet, size_t most)
    : service_(std::move(service)),
      fleet_(std::move(fleet)),
      most_(most),
      served_({.io = service_.io,
               .sessions = service_.sessions,
               .table = service_.session_table,
               .receptions = service_.table},
              kLabel),
      timer_(*service_.io) {}

NodeDeliveries::~NodeDeliveries() {
  for (const auto& [id, received] : received_) received->Leave([] {});
}

std::string NodeDeliveries::NameOf(const DeliveryId& id) const {
  return ReceptionName(fleet_, id.distribution, id.revision, id.uid);
}

std::string NodeDeliveries::IdOf(const DeliveryId& id) const {
  return ReceptionId(fleet_, id.distribution, id.revision, id.uid);
}

std::string NodeDeliveries::SessionNameOf(const DeliveryId& id) const {
  return absl::StrCat("sessions/", IdOf(id));
}

void NodeDeliveries::KeepOnly(const std::set<DeliveryId>& ids) {
  std::set<std::string> kept;
  for (const DeliveryId& id : ids) kept.insert(NameOf(id));
  tcptool::v1::ListReceptionsRequest request;
  request.set_page_size(1000);
  do {
    const auto page = service_.table.List(request);
    if (!page.ok()) return;  // No such page: what it was of is gone.
    for (const tcptool::v1::Reception& reception : page->receptions()) {
      if (reception.spec().labels().contains(kLabel) &&
          !IsFinal(reception.state()) && !kept.contains(reception.name())) {
        AskToCancel(reception.name());
      }
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
}

tcptool::v1::CreateReceptionRequest NodeDeliveries::RequestFor(
    const DeliveryId& id, const v1::DistributionSpec& spec,
    bool may_replace) const {
  tcptool::v1::CreateReceptionRequest request;
  request.set_reception_id(IdOf(id));
  tcptool::v1::ReceptionSpec& reception =
      *request.mutable_reception()->mutable_spec();
  tcptool::v1::ReceptionLimits& limits = *reception.mutable_limits();
  *limits.mutable_first_byte_timeout() = ToProtoDuration(kLongest);
  *limits.mutable_stall_timeout() = ToProtoDuration(kLongest);
  tcptool::v1::FileDestination& file = *reception.mutable_destination();
  file.set_root(spec.destination_root());
  file.set_path(spec.destination_path());
  file.set_overwrite(may_replace);
  (*reception.mutable_labels())[kLabel] = id.distribution;
  // Others have the content from it for as long.
  *reception.mutable_retention() = ToProtoDuration(kLongest);
  return request;
}

ReceivedContent::Service NodeDeliveries::ServiceForOne() const {
  return {.io = service_.io,
          .receptions = service_.receptions,
          .table = service_.table,
          .places = service_.places,
          .moves = service_.moves};
}

void NodeDeliveries::Begin(const DeliveryId& id,
                           std::shared_ptr<ReceivedContent> content) {
  received_[id] = std::move(content);
  service_.places.Set(id.distribution,
                      {.revision = id.revision, .where = NameOf(id)});
  LookLater();
}

void NodeDeliveries::Receive(const DeliveryId& id,
                             const v1::DistributionSpec& spec,
                             std::vector<SendingNode> nodes, bool was_delivered,
                             OnProgress progress) {
  auto request = RequestFor(id, spec, spec.overwrite() || was_delivered);
  *request.mutable_reception()->mutable_spec()->mutable_node()->mutable_wait() =
      ToProtoDuration(kLongest);
  service_.moves.Expect(NameOf(id));
  Begin(id, std::make_shared<ReceivedContent>(
                ServiceForOne(), std::move(request), id.distribution,
                std::move(nodes), std::move(progress)));
}

void NodeDeliveries::ReceiveUpload(const DeliveryId& id,
                                   const v1::DistributionSpec& spec,
                                   bool was_begun, OnProgress progress) {
  auto request = RequestFor(id, spec, spec.overwrite());
  tcptool::v1::ReceptionSpec& reception =
      *request.mutable_reception()->mutable_spec();
  reception.mutable_upload();
  if (spec.upload().has_expected_length()) {
    reception.set_expected_length(spec.upload().expected_length());
  }
  reception.set_expected_sha256(
      absl::BytesToHexString(spec.upload().expected_sha256()));
  server::ReceptionUploads& uploads = service_.receptions.uploads();
  // After a part of one has been lost, there is none any more.
  if (!was_begun) uploads.Expect(NameOf(id));
  Begin(id, ReceivedContent::OfUpload(
                ServiceForOne(), std::move(request), id.distribution, was_begun,
                [&uploads, name = NameOf(id),
                 progress = std::move(progress)](const DeliveryProgress& told) {
                  if (told.state == v1::DELIVERY_STATE_DELIVERED) {
                    uploads.Finish(name, absl::OkStatus());
                  } else if (told.state > v1::DELIVERY_STATE_DELIVERED) {
                    uploads.Finish(name, absl::AbortedError(told.detail));
                  }
                  progress(told);
                }));
}

void NodeDeliveries::Reparent(const DeliveryId& id,
                              std::vector<SendingNode> nodes) {
  const auto received = received_.find(id);
  if (received == received_.end()) return;
  received->second->SetNodes(std::move(nodes));
}

std::optional<ReceivedRate> NodeDeliveries::TakeRate(const DeliveryId& id) {
  const auto received = received_.find(id);
  if (received == received_.end()) return std::nullopt;
  return received->second->TakeRate();
}

std::optional<ReceivedBytes> NodeDeliveries::Received(
    const DeliveryId& id) const {
  const auto received = received_.find(id);
  if (received == received_.end()) return std::nullopt;
  return received->second->Received();
}

void NodeDeliveries::Offer(const DeliveryId& id, const v1::FileSource& file,
                           OnProgress progress) {
  service_.places.Set(id.distribution,
                      {.revision = id.revision,
                       .where = server::DistributedContents::File{
                           .root = file.root(), .path = file.path()}});
  offered_[id] = std::make_shared<OfferedFile>(
      service_.io, service_.contents,
      absl::StrCat("distributions/", id.distribution), std::move(progress));
  LookLater();
}

void NodeDeliveries::Limit(const DeliveryId& id, const SendingLimits& limits) {
  service_.places.SetLimits(id.distribution, id.revision,
                            {.total = static_cast<uint64_t>(limits.total),
                             .each = static_cast<uint64_t>(limits.each)});
}

void NodeDeliveries::KeepServed(const std::set<DeliveryId>& ids) {
  std::set<std::string> names;
  for (const DeliveryId& id : ids) names.insert(SessionNameOf(id));
  served_.KeepOnly(names);
}

void NodeDeliveries::Serve(const DeliveryId& id,
                           const v1::DistributionSpec& spec,
                           const v1::Content* source, OnServing serving) {
  tcptool::v1::CreateSessionRequest request;
  request.set_session_id(IdOf(id));
  tcptool::v1::SessionSpec& session =
      *request.mutable_session()->mutable_spec();
  if (source != nullptr) {
    tcptool::v1::FileSource& file = *session.mutable_file();
    file.set_root(spec.file().root());
    file.set_path(spec.file().path());
    file.set_expected_root(absl::BytesToHexString(source->root()));
  } else {
    session.mutable_reception()->set_name(NameOf(id));
  }
  session.mutable_listener()->set_port(spec.serve().port());
  session.mutable_start()->set_immediate(true);
  *session.mutable_expire_after() = ToProtoDuration(kLongest);
  (*session.mutable_labels())[kLabel] = id.distribution;
  served_.Serve(std::move(request), std::move(serving));
  LookLater();
}

void NodeDeliveries::EndServing(const DeliveryId& id) {
  served_.End(SessionNameOf(id));
}

void NodeDeliveries::Release(const DeliveryId& id) {
  if (const auto place = service_.places.Remove(id.distribution, id.revision)) {
    service_.contents->Forget(id.distribution, *place);
  }
  offered_.erase(id);
  const auto received = received_.find(id);
  if (received == received_.end()) return;
  const std::string name = NameOf(id);
  service_.moves.Forget(name);
  service_.receptions.uploads().Forget(
      name, absl::AbortedError(absl::StrCat("distributions/", id.distribution,
                                            " is over for this node")));
  // Nothing else is done about it until then.
  cancelled_[name].is_asked = true;
  received->second->Leave([this, name, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) AskToCancel(name);
  });
  received_.erase(received);
}

void NodeDeliveries::Cancel(const DeliveryId& id, OnProgress kept) {
  const std::string name = NameOf(id);
  cancelled_[name].kept = std::move(kept);
  Release(id);
  if (!cancelled_[name].is_asked) AskToCancel(name);
}

void NodeDeliveries::AskToCancel(const std::string& name) {
  cancelled_[name].is_asked = true;
  tcptool::v1::CancelReceptionRequest request;
  request.set_name(name);
  service_.receptions.Cancel(
      request, [this, name, io = service_.io, alive = std::weak_ptr(alive_)](
                   const absl::StatusOr<tcptool::v1::Reception>& reception) {
        asio::post(*io, [this, name, alive, reception] {
          if (!alive.expired()) OnCancelled(name, reception);
        });
      });
}

void NodeDeliveries::OnCancelled(
    const std::string& name,
    const absl::StatusOr<tcptool::v1::Reception>& reception) {
  LookLater();
  // It has just been restored, or its disk hangs.
  if (absl::IsUnavailable(reception.status())) {
    cancelled_[name].is_asked = false;
    return;
  }
  const auto cancelled = cancelled_.extract(name);
  if (cancelled.empty() || cancelled.mapped().kept == nullptr) return;
  if (reception.ok() &&
      reception->state() == tcptool::v1::RECEPTION_STATE_SUCCEEDED) {
    cancelled.mapped().kept(ReceivedContent::ProgressOf(*reception));
  }
}

void NodeDeliveries::LookLater() {
  if (std::exchange(is_waiting_, true)) return;
  timer_.expires_after(kInterval);
  timer_.async_wait(
      [this, alive = std::weak_ptr(alive_)](std::error_code error) {
        if (error || alive.expired()) return;
        is_waiting_ = false;
        Look();
      });
}

void NodeDeliveries::Look() {
  if (received_.empty() && offered_.empty() && cancelled_.empty() &&
      served_.empty()) {
    return;
  }
  LookLater();
  for (const auto& [name, cancelled] : cancelled_) {
    if (!cancelled.is_asked) AskToCancel(name);
  }
  LookAtReceived();
  // What they tell may change the list.
  const auto offered = offered_;
  for (const auto& [id, file] : offered) file->Look();
  served_.Look();
}

void NodeDeliveries::LookAtReceived() {
  // What they tell may change the list.
  std::vector<std::pair<DeliveryId, std::shared_ptr<ReceivedContent>>> received(
      received_.begin(), received_.end());
  std::ranges::sort(received, {},
                    [](const auto& one) { return one.first.revision; });
  // Also what an earlier run of the process has begun: it goes on.
  auto under_way = static_cast<size_t>(std::ranges::count_if(
      received, [](const auto& one) { return one.second->is_under_way(); }));
  for (const auto& [id, content] : received) {
    if (cancelled_.contains(NameOf(id))) continue;
    const bool was_under_way = content->is_under_way();
    content->Look(under_way < most_);
    if (!was_under_way && content->is_under_way()) ++under_way;
  }
}

}  // namespace tcptool::fleet
