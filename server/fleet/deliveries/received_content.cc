#include "server/fleet/deliveries/received_content.h"

#include <chrono>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "messages/time.h"
#include "server/fleet/deliveries/post_weakly.h"
#include "text/characters.h"
#include "text/host_port.h"

namespace tcptool::fleet {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using tcptool::v1::Reception;

// As many receptions run as the service allows, or a disk does not answer.
constexpr std::chrono::seconds kPause(1);

// Between looks at what is delivered.
constexpr std::chrono::seconds kLookAfter(1);

constexpr size_t kLongestReason = 500;  // Of a move, in characters.

// What trying again may mend.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

}  // namespace

DeliveryProgress ReceivedContent::ProgressOf(const Reception& reception) {
  DeliveryProgress progress = {.detail = reception.detail()};
  switch (reception.state()) {
    case tcptool::v1::RECEPTION_STATE_RECEIVING:
      progress.state = v1::DELIVERY_STATE_RECEIVING;
      break;
    case tcptool::v1::RECEPTION_STATE_VERIFYING:
      progress.state = v1::DELIVERY_STATE_VERIFYING;
      break;
    case tcptool::v1::RECEPTION_STATE_SUCCEEDED:
      progress.state = v1::DELIVERY_STATE_DELIVERED;
      progress.content.set_length(reception.content_length());
      progress.content.set_root(
          absl::HexStringToBytes(reception.content_root()));
      break;
    case tcptool::v1::RECEPTION_STATE_FAILED:
      progress.state = v1::DELIVERY_STATE_FAILED;
      progress.detail =
          absl::StrCat(ReasonName(reception.reason()), ": ", progress.detail);
      break;
    case tcptool::v1::RECEPTION_STATE_CANCELLED:
      progress.state = v1::DELIVERY_STATE_CANCELLED;
      progress.detail =
          absl::StrCat(reception.name(), " was cancelled on the node itself");
      break;
    default:
      progress.state = v1::DELIVERY_STATE_WAITING;
  }
  return progress;
}

ReceivedContent::ReceivedContent(Service service,
                                 tcptool::v1::CreateReceptionRequest request,
                                 std::string distribution,
                                 std::vector<SendingNode> nodes,
                                 DeliveryPort::OnProgress progress)
    : service_(std::move(service)),
      request_(std::move(request)),
      name_(absl::StrCat("receptions/", request_.reception_id())),
      distribution_(std::move(distribution)),
      progress_(std::move(progress)) {
  SetNodes(std::move(nodes));
}

std::shared_ptr<ReceivedContent> ReceivedContent::OfUpload(
    Service service, tcptool::v1::CreateReceptionRequest request,
    std::string distribution, bool was_begun,
    DeliveryPort::OnProgress progress) {
  auto content = std::make_shared<ReceivedContent>(
      std::move(service), std::move(request), std::move(distribution),
      std::vector<SendingNode>(), std::move(progress));
  content->is_upload_ = true;
  content->upload_was_begun_ = was_begun;
  return content;
}

void ReceivedContent::SetNodes(std::vector<SendingNode> nodes) {
  const std::string name = absl::StrCat("distributions/", distribution_);
  nodes_.clear();
  for (const SendingNode& node : nodes) {
    // What is no address is told when the reception is made.
    const auto address = ParseHostPort(node.address);
    if (!address) continue;
    nodes_.push_back(
        {.target = {.host = address->host, .port = absl::StrCat(address->port)},
         .name = name,
         .certificate_name = node.name});
    names_[NameOf(nodes_.back().target)] = node.name;
  }
  if (nodes.empty()) return;
  if (is_there_) service_.receptions.SetNodes(name_, nodes_);
  tcptool::v1::NodeSource& source =
      *request_.mutable_reception()->mutable_spec()->mutable_node();
  source.set_address(nodes.front().address);
  source.set_name(name);
  source.set_certificate_name(nodes.front().name);
  source.clear_fallbacks();
  for (size_t i = 1; i < nodes.size(); ++i) {
    tcptool::v1::FallbackNode& fallback = *source.add_fallbacks();
    fallback.set_address(nodes[i].address);
    fallback.set_name(name);
    fallback.set_certificate_name(nodes[i].name);
  }
}

bool ReceivedContent::is_under_way() const {
  if (is_asking_) return true;
  if (waits_for_turn_ || told_.state == v1::DELIVERY_STATE_DELIVERED) {
    return false;
  }
  const auto reception = service_.table.Get(name_);
  return reception.ok() && !IsFinal(reception->state());
}

void ReceivedContent::Look(bool may_begin) {
  if (is_asking_ || is_over_ || Clock::now() < next_try_) return;
  if (told_.state == v1::DELIVERY_STATE_DELIVERED) return LookAfter();
  TakeMoves();
  const auto reception = service_.table.Get(name_);
  if (reception.ok()) return LookAt(*reception);
  if (!is_there_) {
    if (upload_was_begun_) return Tell(UploadLost());
    const bool has_source =
        is_upload_ ? service_.receptions.uploads().HasBegun(name_)
                   : !request_.reception().spec().node().address().empty();
    if (!has_source) return TellWaiting("");
    return may_begin ? Create() : WaitForTurn();
  }
  Tell({.state = v1::DELIVERY_STATE_CANCELLED,
        .detail = absl::StrCat(name_, " was deleted on the node itself")});
}

void ReceivedContent::LookAt(const Reception& reception) {
  const bool is_good =
      !IsFinal(reception.state()) ||
      reception.state() == tcptool::v1::RECEPTION_STATE_SUCCEEDED;
  if (!is_good && !is_there_) {
    if (!upload_was_begun_) return Delete();
    return Tell(reception.state() == tcptool::v1::RECEPTION_STATE_FAILED
                    ? ProgressOf(reception)
                    : UploadLost());
  }
  // One of an earlier run has the nodes that it had then.
  if (!std::exchange(is_there_, true) && !nodes_.empty()) {
    service_.receptions.SetNodes(name_, nodes_);
  }
  // The service is stopping, and the next run of it receives what is missing,
  // unless nobody has that any more.
  if (reception.state() == tcptool::v1::RECEPTION_STATE_INTERRUPTED) {
    if (is_upload_) Tell(UploadLost());
    return;
  }
  Tell(ProgressOf(reception));
}

DeliveryProgress ReceivedContent::UploadLost() const {
  return {.state = v1::DELIVERY_STATE_FAILED,
          .detail =
              "the service of the node ended before it had the whole upload, "
              "which nobody has a second time; try the distribution again, and "
              "upload it anew"};
}

std::string ReceivedContent::NameOfNode(const std::string& address) const {
  const auto name = names_.find(address);
  return name == names_.end() ? address : name->second;
}

std::optional<ReceivedRate> ReceivedContent::TakeRate() {
  const auto taken = service_.moves.TakeRate(name_);
  if (!taken) return std::nullopt;
  const server::RateMeter::Rate& rate = taken->rate;
  return ReceivedRate{.parent = NameOfNode(taken->parent),
                      .busy = duration_cast<milliseconds>(rate.busy),
                      .bytes = rate.bytes,
                      .observed = duration_cast<milliseconds>(rate.observed),
                      .observed_bytes = rate.observed_bytes,
                      .allowed = taken->allowed};
}

std::optional<ReceivedBytes> ReceivedContent::Received() const {
  // One of an earlier try is about to be deleted.
  if (!is_there_) return std::nullopt;
  const auto reception = service_.table.Get(name_);
  if (!reception.ok()) return std::nullopt;
  return ReceivedBytes{.received = reception->bytes_received(),
                       .per_second = reception->bytes_per_second()};
}

void ReceivedContent::TakeMoves() {
  for (const server::ParentMove& taken : service_.moves.Take(name_)) {
    if (moves_.size() == server::ParentMoves::kMost) moves_.pop_front();
    v1::ParentMove& move = moves_.emplace_back();
    move.set_from(NameOfNode(taken.from));
    move.set_to(NameOfNode(taken.to));
    move.set_reason(std::string(Truncate(taken.reason, kLongestReason)));
    move.set_is_fault(taken.is_fault);
    move.set_offset(static_cast<int64_t>(taken.offset));
    *move.mutable_time() = ToTimestamp(taken.time);
    has_news_ = true;
  }
}

void ReceivedContent::LookAfter() {
  next_try_ = Clock::now() + kLookAfter;
  DeliveryProgress progress = told_;
  if (!service_.table.contains(name_)) {
    progress.not_given = absl::StrCat(name_, " was deleted on the node itself");
  } else if (const auto place = service_.places.Find(distribution_)) {
    progress.not_given = std::string(place->lost.message());
  }
  Tell(progress);
}

void ReceivedContent::WaitForTurn() {
  // Its turn would not mend that, and may be far away.
  const absl::Status broken = service_.receptions.uploads().FailureOf(name_);
  if (!broken.ok()) {
    return Tell({.state = v1::DELIVERY_STATE_FAILED,
                 .detail = std::string(broken.message())});
  }
  waits_for_turn_ = true;
  TellWaiting(
      "the node receives as many distributions as it may at a time "
      "(--max-deliveries); those that were made earlier come first");
}

void ReceivedContent::Create() {
  is_asking_ = true;
  // What hinders it is not taken back before it is known that it does no more.
  if (std::exchange(waits_for_turn_, false) ||
      told_.state != v1::DELIVERY_STATE_WAITING) {
    TellWaiting("");
  }
  if (is_upload_) service_.receptions.uploads().BeginTry(name_);
  service_.receptions.Create(
      request_, /*creator=*/"",
      [self = shared_from_this(),
       io = service_.io](const absl::StatusOr<Reception>& reception) {
        PostWeakly(io, [self, status = reception.status()] {
          self->is_there_ = status.ok();
          self->Answered(status);
        });
      });
}

void ReceivedContent::Delete() {
  is_asking_ = true;
  tcptool::v1::DeleteReceptionRequest request;
  request.set_name(name_);
  service_.receptions.Delete(
      request, [self = shared_from_this(),
                io = service_.io](const absl::Status& status) {
        PostWeakly(io, [self, status] {
          self->Answered(absl::IsNotFound(status) ? absl::OkStatus() : status);
        });
      });
}

void ReceivedContent::Answered(const absl::Status& status) {
  is_asking_ = false;
  if (on_answer_ != nullptr) return std::exchange(on_answer_, nullptr)();
  const bool may_pass = MayPass(status);
  if (is_upload_) {
    service_.receptions.uploads().SetHindrance(
        name_, may_pass ? status : absl::OkStatus());
  }
  if (status.ok()) {
    // What hindered it does so no more.
    if (told_.state == v1::DELIVERY_STATE_WAITING) TellWaiting("");
    return;
  }
  if (may_pass || service_.table.contains(name_)) {
    next_try_ = Clock::now() + kPause;
    if (may_pass) TellWaiting(std::string(status.message()));
    return;
  }
  Tell({.state = v1::DELIVERY_STATE_FAILED,
        .detail = std::string(status.message())});
}

void ReceivedContent::Leave(std::function<void()> done) {
  is_over_ = true;
  if (!is_asking_) return done();
  on_answer_ = std::move(done);
}

void ReceivedContent::TellWaiting(std::string detail) {
  if (told_.detail != detail) has_news_ = true;
  Tell({.state = v1::DELIVERY_STATE_WAITING, .detail = std::move(detail)});
}

void ReceivedContent::Tell(DeliveryProgress progress) {
  if (is_over_ || (told_.state == progress.state &&
                   told_.not_given == progress.not_given && !has_news_)) {
    return;
  }
  has_news_ = false;
  progress.moves.assign(moves_.begin(), moves_.end());
  told_ = progress;
  if (progress.state > v1::DELIVERY_STATE_DELIVERED) is_over_ = true;
  // It may let go of this.
  const auto self = shared_from_this();
  progress_(progress);
}

}  // namespace tcptool::fleet
