#include "server/fleet/deliveries/served_content.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/message_differencer.h"
#include "messages/states.h"
#include "server/fleet/deliveries/post_weakly.h"

namespace tcptool::fleet {
namespace {

using tcptool::v1::Session;

// Between looks at a session that is there: a recipient comes and goes in a
// moment, and what is told of it is older than that anyway.
constexpr std::chrono::seconds kLookAfter(1);

// The port is taken, none is free, or a disk does not answer.
constexpr std::chrono::seconds kPause(5);

// Of BetweenCounts().
constexpr std::chrono::milliseconds kLeastBetweenCounts =
    std::chrono::seconds(10);
constexpr std::chrono::milliseconds kBetweenCountsOfANode(100);

v1::Serving ServingOf(const Session& session) {
  v1::Serving serving;
  serving.set_session(session.name());
  const tcptool::v1::RecipientCounts& counts = session.counts();
  serving.set_connected(counts.handshaking() + counts.ready() +
                        counts.transferring() + counts.confirming());
  serving.set_delivered(counts.delivered());
  serving.set_failed(counts.failed() + counts.dropped());
  if (!IsFinal(session.state())) {
    serving.set_endpoint(session.data_endpoint());
  } else if (!session.error().empty()) {
    serving.set_error(session.error());
  } else {
    serving.set_error(
        absl::StrCat(session.name(), " is ", StateName(session.state()),
                     session.state() == tcptool::v1::SESSION_STATE_CANCELLED
                         ? ", which was done on the node itself"
                         : ""));
  }
  return serving;
}

bool DifferInCountsAlone(v1::Serving one, const v1::Serving& other) {
  one.set_connected(other.connected());
  one.set_delivered(other.delivered());
  one.set_failed(other.failed());
  return google::protobuf::util::MessageDifferencer::Equals(one, other);
}

}  // namespace

std::chrono::milliseconds BetweenCounts(size_t nodes) {
  return std::max(kLeastBetweenCounts,
                  kBetweenCountsOfANode * static_cast<int64_t>(nodes));
}

ServedContent::ServedContent(ServedService service,
                             tcptool::v1::CreateSessionRequest request,
                             DeliveryPort::OnServing serving)
    : service_(std::move(service)),
      request_(std::move(request)),
      name_(absl::StrCat("sessions/", request_.session_id())),
      serving_(std::move(serving)) {}

void ServedContent::Look(std::chrono::milliseconds between_counts) {
  between_counts_ = between_counts;
  if (is_asking_ || is_over_ || Clock::now() < next_try_) return;
  const auto session = service_.table.Get(name_);
  if (session.ok()) return LookAt(*session);
  if (is_there_) {
    is_there_ = false;
    next_try_ = Clock::time_point::max();
    return Fail(absl::StrCat(name_, " was deleted on the node itself"));
  }
  if (HasSource()) Create();
}

void ServedContent::LookAt(const Session& session) {
  if (IsFinal(session.state()) && !is_there_) return Delete();
  is_there_ = true;
  next_try_ = Clock::now() + kLookAfter;
  Tell(ServingOf(session));
}

bool ServedContent::HasSource() const {
  const tcptool::v1::SessionSpec& spec = request_.session().spec();
  if (!spec.has_reception()) return true;
  const auto reception = service_.receptions.Get(spec.reception().name());
  return reception.ok() &&
         (!IsFinal(reception->state()) ||
          reception->state() == tcptool::v1::RECEPTION_STATE_SUCCEEDED);
}

void ServedContent::Create() {
  is_asking_ = true;
  service_.sessions.Create(request_, /*creator=*/"",
                           [self = shared_from_this(), io = service_.io](
                               const absl::StatusOr<Session>& session) {
                             PostWeakly(io, [self, status = session.status()] {
                               self->is_there_ = status.ok();
                               self->Answered(status);
                             });
                           });
}

void ServedContent::Delete() {
  is_asking_ = true;
  tcptool::v1::DeleteSessionRequest request;
  request.set_name(name_);
  service_.sessions.Delete(
      request, [self = shared_from_this(),
                io = service_.io](const absl::Status& status) {
        PostWeakly(io, [self, status] {
          self->Answered(absl::IsNotFound(status) ? absl::OkStatus() : status);
        });
      });
}

void ServedContent::Answered(const absl::Status& status) {
  is_asking_ = false;
  if (on_answer_ != nullptr) return std::exchange(on_answer_, nullptr)();
  if (status.ok()) return;
  next_try_ = Clock::now() + kPause;
  // What the service says while it stops is no news.
  if (!absl::IsUnavailable(status)) Fail(std::string(status.message()));
}

void ServedContent::Leave(std::function<void()> done) {
  is_over_ = true;
  if (!is_asking_) return done();
  on_answer_ = std::move(done);
}

void ServedContent::Fail(std::string error) {
  v1::Serving serving = told_;
  serving.clear_endpoint();
  serving.set_connected(0);
  serving.set_error(std::move(error));
  Tell(std::move(serving));
}

void ServedContent::Tell(v1::Serving serving) {
  if (is_over_) return;
  if (DifferInCountsAlone(serving, told_) &&
      (Clock::now() < told_at_ + between_counts_ ||
       google::protobuf::util::MessageDifferencer::Equals(serving, told_))) {
    return;
  }
  told_ = std::move(serving);
  told_at_ = Clock::now();
  serving_(told_);
}

}  // namespace tcptool::fleet
