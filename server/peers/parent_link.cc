#include "server/peers/parent_link.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/receiving/manifest.h"
#include "server/api/names.h"
#include "server/peers/follow_path.h"

namespace tcptool::server {
namespace {

using dataplane::Digest;
using dataplane::kManifestBlock;

ParentChoice::Loss LossOf(const absl::Status& lost) {
  switch (lost.code()) {
    case absl::StatusCode::kOk:
      return ParentChoice::Loss::kNone;
    case absl::StatusCode::kDataLoss:
      return ParentChoice::Loss::kBadBlock;
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return ParentChoice::Loss::kContradiction;
    case absl::StatusCode::kDeadlineExceeded:
      return ParentChoice::Loss::kSilent;
    default:
      return ParentChoice::Loss::kLost;
  }
}

// What trying again does not mend.
bool IsRefusal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace

ParentLink::ParentLink(NodePlan plan, FollowClients& clients,
                       ParentMoves& moves, const Timing& timing)
    : plan_(std::move(plan)),
      clients_(clients),
      moves_(moves),
      timing_(timing),
      choice_(plan_.nodes.size(), absl::ToChronoNanoseconds(plan_.wait),
              timing.choice),
      troubles_(plan_.nodes.size()) {}

bool ParentLink::HasNotBegun(const NodePlan::Node& node,
                             const absl::Status& reason) {
  return absl::IsNotFound(reason) && IsDistributionName(node.name);
}

std::string ParentLink::NameAsParent(size_t node) const {
  const NodePlan::Node& parent = plan_.nodes[node];
  return absl::StrCat(NameOf(parent.target), "/", parent.name);
}

dataplane::Route ParentLink::route() const {
  dataplane::Route route = {.path = {plan_.id}};
  absl::MutexLock lock(&mutex_);
  route.path.insert(route.path.end(), parents_path_.begin(),
                    parents_path_.end());
  route.is_stranded = is_stranded_;
  return route;
}

void ParentLink::Open(dataplane::ContentClaims& claims) {
  claims_ = &claims;
  told_.Open(claims);
}

void ParentLink::Connect(dataplane::Lane& lane, uint64_t offset,
                         const absl::Status& lost, Done done) {
  if (lane_ == nullptr) {
    lane_ = &lane;
    {
      absl::MutexLock lock(&mutex_);
      shared_lane_ = &lane;
    }
    silence_timer_.emplace(lane.io());
    connect_timer_.emplace(lane.io());
    pause_timer_.emplace(lane.io());
  }
  TakeNodes();
  offset_ = offset;
  done_ = std::move(done);
  meter_.Stop();
  const ParentChoice::Loss loss = LossOf(lost);
  bool is_its_word = true;
  if (loss == ParentChoice::Loss::kBadBlock) {
    is_its_word = told_.IsFromOne(offset / kManifestBlock);
    told_.ForgetFrom(offset / kManifestBlock);
  } else if (loss == ParentChoice::Loss::kContradiction) {
    is_its_word = told_.IsAllFromOne();
    told_.ForgetAll();
  }
  absl::Status reason = lost;
  if (!lost.ok()) {
    const bool was_said = loss == ParentChoice::Loss::kContradiction;
    reason = Note(was_said ? choice_.current() : choice_.sender(), lost);
  }
  const ParentChoice::Next next =
      choice_.Connect(offset, loss, is_its_word, Clock::now());
  if (absl::IsDataLoss(lost)) {
    const size_t sender = choice_.sender();
    if (choice_.has_lied(sender)) {
      reason =
          Note(sender, absl::DataLossError(absl::StrCat(
                           lost.message(), "; ", ParentChoice::kMostBadBlocks,
                           " bad blocks have come from it")));
    }
    // Whoever has sent a wrong block may send the right one at the next try.
    reason = absl::UnavailableError(reason.message());
  }
  GoOn(next, reason);
}

void ParentLink::GoOn(const ParentChoice::Next& next,
                      const absl::Status& reason) {
  Forget();
  PublishStranded();
  if (next.step == ParentChoice::Step::kGiveUp) return GiveUp(Summary(reason));
  if (next.step == ParentChoice::Step::kFollow) told_.ChangeNode();
  if (next.pause == Clock::duration()) return Follow();
  pause_timer_->expires_after(next.pause);
  pause_timer_->async_wait(
      [weak = weak_from_this(), call = call_](std::error_code error) {
        const auto self = weak.lock();
        if (!error && self != nullptr && self->call_ == call) self->Follow();
      });
}

peer::v1::FollowRequest ParentLink::RequestTo(
    const NodePlan::Node& node) const {
  peer::v1::FollowRequest request;
  request.set_name(node.name);
  request.set_node(plan_.id);
  request.set_first_block(static_cast<int64_t>(told_.next_block()));
  request.set_fleet_node(clients_.credentials().fleet_node());
  request.set_tls(clients_.credentials().data_tls());
  return request;
}

void ParentLink::Follow() {
  Forget();
  const NodePlan::Node& node = parent();
  peer::v1::FollowRequest request = RequestTo(node);
  if (done_ != nullptr) request.set_offset(static_cast<int64_t>(offset_));
  ++call_;
  has_ticket_ = false;
  told_.BeginCall();
  choice_.Called(Clock::now());
  PublishStranded();
  {
    absl::MutexLock lock(&mutex_);
    parents_path_.clear();
  }
  WaitFor(*silence_timer_, timing_.first_message,
          "the node has not answered, or has said nothing of the content");
  node_call_ = NodeCall::Start(
      lane_->io(), clients_, NameOf(node.target), std::move(request),
      {.on_message =
           [weak = weak_from_this()](const auto& response) {
             if (const auto self = weak.lock()) self->OnMessage(response);
           },
       .on_end =
           [weak = weak_from_this()](const absl::Status& status) {
             if (const auto self = weak.lock()) self->OnEnd(status);
           }});
}

void ParentLink::OnEnd(const absl::Status& status) {
  if (done_ == nullptr || offset_ == 0 || !absl::IsOutOfRange(status) ||
      !choice_.may_start_anew(choice_.current())) {
    return TryNext(status);
  }
  // It has none of what is wanted, as its content is another one than what has
  // come. Nobody knows whose is right before one of them has proven it whole.
  choice_.StartsAnew();
  Forget();
  claims_->StartAnew(status);
}

void ParentLink::OnMessage(const peer::v1::FollowResponse& response) {
  WaitFor(*silence_timer_, timing_.silence,
          "the node says nothing any more of the content");
  absl::Status status = TakeWay(response);
  if (!status.ok()) return TryNext(status);
  status = told_.Take(response, done_ == nullptr);
  if (!status.ok()) return LeaveLiar(status);
  const ParentChoice::Said said = SaidIn(response);
  choice_.Heard(said, claims_->position(), claims_->silent_since(),
                Clock::now());
  Measure(said, static_cast<uint64_t>(
                    std::max<int64_t>(0, response.bytes_per_second())));
  PublishStranded();
  if (done_ == nullptr && told_.IsToAskAgain()) {
    choice_.CalledAgain();
    return Follow();
  }
  // The reception may have ended.
  if (node_call_ == nullptr) return;
  if (choice_.wants_connection()) {
    claims_->Leave(absl::UnavailableError(
        "the node that is followed now has what the one before sends slowly, "
        "or not at all"));
  }
  Search();
  node_call_->Next();
}

absl::Status ParentLink::TakeWay(const peer::v1::FollowResponse& response) {
  if (done_ != nullptr && !has_ticket_) {
    has_ticket_ = true;
    if (response.ticket().secret().size() != sizeof(Digest) ||
        response.ticket().port() < 1 || response.ticket().port() > 65'535) {
      return absl::InvalidArgumentError("the node has given no ticket");
    }
    if (!response.ticket().tls() && clients_.credentials().data_tls()) {
      return absl::UnavailableError(
          "the node sends content in clear text, and this one takes it in TLS "
          "alone (--peer-data-tls)");
    }
    Dial(response.ticket());
  }
  return response.has_path() ? TakePath(response.path()) : absl::OkStatus();
}

absl::Status ParentLink::TakePath(const peer::v1::Path& path) {
  absl::Status status = CheckPath(path, plan_.id);
  if (!status.ok()) return status;
  absl::MutexLock lock(&mutex_);
  parents_path_.assign(path.nodes().begin(), path.nodes().end());
  return status;
}

void ParentLink::PublishStranded() {
  absl::MutexLock lock(&mutex_);
  is_stranded_ = choice_.is_stranded();
}

void ParentLink::Dial(const peer::v1::Ticket& ticket) {
  WaitFor(*connect_timer_, timing_.connect,
          absl::StrCat("the node's data port, ", ticket.port(),
                       ", does not answer; is it open to this host?"));
  dial_ = std::make_shared<DataDial>(
      *lane_,
      DataDial::Options{
          .target = {.host = parent().target.host,
                     .port = absl::StrCat(ticket.port()),
                     .wait = absl::ZeroDuration()},
          .dead_timeout = plan_.dead_timeout,
          // And then as to any sender: docs/wire-protocol.md.
          .hello = absl::StrCat(
              ticket.secret(), absl::string_view(plan_.start ? "\1" : "\0", 1)),
          .tls = clients_.credentials().data_client(),
          .certificate_name = parent().certificate_name},
      [weak = weak_from_this()](
          absl::StatusOr<dataplane::UpstreamConnection> connection) {
        if (const auto self = weak.lock()) {
          self->OnDialed(std::move(connection));
        }
      });
  dial_->Start();
}

void ParentLink::OnDialed(
    absl::StatusOr<dataplane::UpstreamConnection> connection) {
  dial_ = nullptr;
  connect_timer_->cancel();
  if (!connection.ok()) return TryNext(connection.status());
  TellMove();
  choice_.Connected(Clock::now());
  PublishStranded();
  std::exchange(done_, nullptr)(*std::move(connection));
  // The reception may have ended.
  if (lane_ != nullptr) told_.Connected();
}

void ParentLink::TryNext(const absl::Status& reason) {
  // The planned node has failed: moves say that it was at fault, whyever the
  // link was with it.
  if (choice_.current() == 0) leaves_for_fault_ = true;
  const absl::Status noted = Note(choice_.current(), reason);
  const uint64_t position = claims_->position();
  const ParentChoice::Next next =
      HasNotBegun(parent(), reason)
          ? choice_.NotBegun(position, Clock::now())
          : choice_.Failed(IsRefusal(reason), position, Clock::now());
  // A connection to it may last, although nothing comes any more.
  if (done_ == nullptr && next.step != ParentChoice::Step::kGiveUp &&
      absl::IsDeadlineExceeded(reason)) {
    claims_->FallenSilent(reason);
  }
  GoOn(next, noted);
}

void ParentLink::LeaveLiar(const absl::Status& reason) {
  const absl::Status noted = Note(choice_.current(), reason);
  const bool has_its_connection =
      done_ == nullptr && choice_.current() == choice_.sender();
  const ParentChoice::Next next =
      choice_.Lied(claims_->position(), Clock::now());
  if (!has_its_connection || next.step == ParentChoice::Step::kGiveUp) {
    return GoOn(next, noted);
  }
  PublishStranded();
  told_.ChangeNode();
  LeaveConnection(absl::UnavailableError(reason.message()));
}

absl::Status ParentLink::Note(size_t node, const absl::Status& reason) {
  troubles_[node] = absl::Status(
      reason.code(),
      absl::StrCat("following ", NameAsParent(node), ": ", reason.message()));
  return troubles_[node];
}

void ParentLink::GiveUp(const absl::Status& reason) {
  if (done_ != nullptr) return std::exchange(done_, nullptr)(reason);
  claims_->GiveUp(reason);
}

absl::Status ParentLink::Summary(const absl::Status& reason) const {
  absl::StatusCode code = reason.code();
  std::vector<absl::string_view> troubles;
  for (size_t i = 0; i < troubles_.size(); ++i) {
    const absl::Status& trouble = troubles_[i];
    if (!trouble.ok()) troubles.push_back(trouble.message());
    // It is why there is no content, whatever else is wrong with others.
    if (choice_.has_lied(i)) {
      code = absl::IsOutOfRange(trouble) ? trouble.code()
                                         : absl::StatusCode::kDataLoss;
    }
  }
  return {code, absl::StrJoin(troubles, "; ")};
}

void ParentLink::Forget() {
  ++call_;  // What is queued is of one that is over.
  if (node_call_ != nullptr) std::exchange(node_call_, nullptr)->Cancel();
  if (search_ != nullptr) std::exchange(search_, nullptr)->Stop();
  if (dial_ != nullptr) std::exchange(dial_, nullptr)->Cancel();
  silence_timer_->cancel();
  connect_timer_->cancel();
  pause_timer_->cancel();
}

void ParentLink::Cancel() {
  if (lane_ == nullptr) return;
  Forget();
  {
    absl::MutexLock lock(&mutex_);
    shared_lane_ = nullptr;
  }
  // They belong to the lane.
  silence_timer_.reset();
  connect_timer_.reset();
  pause_timer_.reset();
  lane_ = nullptr;
}

void ParentLink::WaitFor(asio::steady_timer& timer, Clock::duration time,
                         const std::string& what) {
  timer.expires_after(time);
  timer.async_wait([weak = weak_from_this(), &timer, call = call_,
                    what](std::error_code error) {
    const auto self = weak.lock();
    if (error || self == nullptr || self->call_ != call) return;
    // Cancelling a timer does not take back a handler that is queued.
    if (timer.expiry() > Clock::now()) return;
    self->TryNext(absl::DeadlineExceededError(what));
  });
}

}  // namespace tcptool::server
