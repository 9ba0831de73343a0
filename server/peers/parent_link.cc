#include "server/peers/parent_link.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cstring>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/receiving/sender_socket.h"

namespace tcptool::server {
namespace {

using dataplane::ContentEnd;
using dataplane::Digest;
using dataplane::kManifestBlock;

// A connection that has lasted so long, or has brought a block, was a good one.
constexpr auto kGood = std::chrono::seconds(10);

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

Digest DigestAt(const std::string& bytes, size_t index) {
  Digest digest;
  std::memcpy(digest.data(), bytes.data() + index * digest.size(),
              digest.size());
  return digest;
}

}  // namespace

ParentLink::ParentLink(NodePlan plan, FollowClients& clients,
                       const Timing& timing)
    : plan_(std::move(plan)), clients_(clients), timing_(timing) {
  for (const NodePlan::Node& node : plan_.nodes) {
    parents_.push_back({.node = node});
  }
}

std::string ParentLink::NameOfParent() const {
  const NodePlan::Node& node = parents_[current_].node;
  return absl::StrCat(NameOf(node.target), "/", node.name);
}

std::vector<std::string> ParentLink::path() const {
  std::vector<std::string> path = {plan_.id};
  absl::MutexLock lock(&mutex_);
  path.insert(path.end(), parents_path_.begin(), parents_path_.end());
  return path;
}

void ParentLink::Connect(dataplane::Lane& lane, uint64_t offset,
                         const absl::Status& lost, Done done) {
  if (lane_ == nullptr) {
    lane_ = &lane;
    silence_timer_.emplace(lane.io());
    connect_timer_.emplace(lane.io());
    pause_timer_.emplace(lane.io());
  }
  const Clock::time_point now = Clock::now();
  // One on which nothing came was none, however long it was waited for.
  const bool was_good = offset != offset_ || (now - connected_at_ >= kGood &&
                                              !absl::IsDeadlineExceeded(lost));
  if (was_good || lost.ok()) trouble_since_.reset();
  offset_ = offset;
  done_ = std::move(done);
  if (lost.ok()) return Follow();
  if (absl::IsDataLoss(lost)) {
    told_blocks_ = std::min(told_blocks_, offset / kManifestBlock);
    end_.reset();
  }
  const absl::Status bad = CountBadBlocks(offset, lost);
  if (!bad.ok()) return GiveUp(bad);
  // It follows another one already, which may have the connection too.
  if (current_ != sender_ || std::exchange(has_asked_again_, false)) {
    return Follow();
  }
  // Whoever has sent a wrong block may send the right one at the next try.
  TryNext(absl::IsDataLoss(lost) ? absl::UnavailableError(lost.message())
                                 : lost);
}

absl::Status ParentLink::CountBadBlocks(uint64_t offset,
                                        const absl::Status& lost) {
  if (!absl::IsDataLoss(lost)) return absl::OkStatus();
  bad_blocks_ = offset == bad_offset_ ? bad_blocks_ + 1 : 1;
  bad_offset_ = offset;
  if (bad_blocks_ < kMostBadBlocks) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(lost.message(), ", ", bad_blocks_,
                                          " times, the last from ",
                                          NameOfParent()));
}

void ParentLink::Follow() {
  Forget();
  const NodePlan::Node& node = parent().node;
  peer::v1::FollowRequest request;
  request.set_name(node.name);
  request.set_node(plan_.id);
  request.set_first_block(static_cast<int64_t>(told_blocks_));
  if (done_ != nullptr) request.set_offset(static_cast<int64_t>(offset_));
  ++call_;
  has_ticket_ = false;
  misses_digests_ = false;
  {
    absl::MutexLock lock(&mutex_);
    parents_path_.clear();
  }
  WaitFor(*silence_timer_, timing_.first_message,
          "the node has not answered, or has said nothing of the content");
  // The lane is there until Cancel(), after which no handler is called.
  client_ = clients_.Start(
      NameOf(node.target), std::move(request),
      {.on_message =
           [weak = weak_from_this(), &io = lane_->io(),
            call = call_](peer::v1::FollowResponse response) {
             asio::post(io, [weak, call, response = std::move(response)] {
               const auto self = weak.lock();
               if (self != nullptr && self->call_ == call) {
                 self->OnMessage(response);
               }
             });
           },
       .on_end =
           [weak = weak_from_this(), &io = lane_->io(),
            call = call_](const absl::Status& status) {
             asio::post(io, [weak, call, status] {
               const auto self = weak.lock();
               if (self == nullptr || self->call_ != call) return;
               self->TryNext(status.ok() ? absl::UnavailableError(
                                               "the node says no more of the "
                                               "content")
                                         : status);
             });
           }});
}

void ParentLink::OnMessage(const peer::v1::FollowResponse& response) {
  WaitFor(*silence_timer_, timing_.silence,
          "the node says nothing any more of the content");
  const absl::Status status = Take(response);
  if (!status.ok()) return TryNext(status);
  // What began while there was a connection was Follow()'s alone.
  if (done_ == nullptr && trouble_since_ && *trouble_since_ >= connected_at_) {
    trouble_since_.reset();
  }
  if (done_ == nullptr && misses_digests_ && !IsAhead(kMostBlocksAhead / 2)) {
    has_asked_again_ = true;
    return Follow();
  }
  // The reception may have ended.
  if (client_ != nullptr) client_->Next();
}

absl::Status ParentLink::Take(const peer::v1::FollowResponse& response) {
  if (done_ != nullptr && !has_ticket_) {
    has_ticket_ = true;
    if (response.ticket().secret().size() != sizeof(Digest) ||
        response.ticket().port() < 1 || response.ticket().port() > 65'535) {
      return absl::InvalidArgumentError("the node has given no ticket");
    }
    Dial(response.ticket());
  }
  absl::Status status =
      response.has_path() ? TakePath(response.path()) : absl::OkStatus();
  if (status.ok()) status = TakeDigests(response.digests());
  if (status.ok() && response.has_end() && !misses_digests_) {
    status = TakeEnd(response.end());
  }
  return status;
}

absl::Status ParentLink::TakePath(const peer::v1::Path& path) {
  if (path.nodes_size() >= kLongestPath) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the content comes through more than ", kLongestPath, " nodes"));
  }
  for (const std::string& node : path.nodes()) {
    if (node.size() <= kLongestName) continue;
    return absl::InvalidArgumentError(
        "the node has told no proper name of one that the content comes "
        "through");
  }
  if (std::ranges::find(path.nodes(), plan_.id) != path.nodes().end()) {
    return absl::FailedPreconditionError(
        "the node receives the content from this reception itself, which would "
        "wait for itself; receive it from a node that has it otherwise");
  }
  absl::MutexLock lock(&mutex_);
  parents_path_.assign(path.nodes().begin(), path.nodes().end());
  return absl::OkStatus();
}

absl::Status ParentLink::TakeEnd(const peer::v1::ContentEnd& end) {
  if (end.length() < 0 || end.root().size() != sizeof(Digest)) {
    return absl::InvalidArgumentError("the node has told no proper end");
  }
  const auto length = static_cast<uint64_t>(end.length());
  if (told_blocks_ != dataplane::CountBlocks(length)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the node has told the digests of ", told_blocks_,
                     " blocks, of a content of ", length, " bytes"));
  }
  end_ = {.length = length, .root = DigestAt(end.root(), 0)};
  if (done_ == nullptr) claims_->ExpectEnd(*end_);
  return absl::OkStatus();
}

absl::Status ParentLink::TakeDigests(const std::string& digests) {
  const size_t count = digests.size() / sizeof(Digest);
  if (digests.size() % sizeof(Digest) != 0) {
    return absl::InvalidArgumentError("the node has told a part of a digest");
  }
  if (told_blocks_ + count > kMostBlocks) {
    return absl::OutOfRangeError(
        absl::StrCat("the content has more than ", kMostBlocks, " MiB"));
  }
  if (count == 0 || misses_digests_) return absl::OkStatus();
  if (IsAhead(kMostBlocksAhead)) {
    misses_digests_ = true;
    return absl::OkStatus();
  }
  std::vector<Digest> told(count);
  for (size_t i = 0; i < count; ++i) told[i] = DigestAt(digests, i);
  claims_->Expect(std::exchange(told_blocks_, told_blocks_ + count),
                  std::move(told));
  return absl::OkStatus();
}

bool ParentLink::IsAhead(uint64_t blocks) const {
  return told_blocks_ >= claims_->position() / kManifestBlock + blocks;
}

void ParentLink::Dial(const peer::v1::Ticket& ticket) {
  WaitFor(*connect_timer_, timing_.connect,
          absl::StrCat("the node's data port, ", ticket.port(),
                       ", does not answer; is it open to this host?"));
  dialer_ = std::make_shared<dataplane::Dialer>(
      lane_->io(),
      dataplane::DialTarget{.host = parent().node.target.host,
                            .port = absl::StrCat(ticket.port()),
                            .wait = absl::ZeroDuration()},
      [weak = weak_from_this(),
       secret = ticket.secret()](absl::StatusOr<dataplane::UniqueFd> socket) {
        if (const auto self = weak.lock()) {
          self->OnDialed(secret, std::move(socket));
        }
      });
  dialer_->Start();
}

void ParentLink::OnDialed(const std::string& secret,
                          absl::StatusOr<dataplane::UniqueFd> socket) {
  dialer_ = nullptr;
  connect_timer_->cancel();
  if (!socket.ok()) {
    return TryNext(absl::UnavailableError(absl::StrCat(
        "connecting to the node's data port: ", socket.status().message())));
  }
  dataplane::WatchSender(socket->get(), plan_.dead_timeout);
  // And then as to any sender: docs/wire-protocol.md.
  const std::string hello =
      absl::StrCat(secret, absl::string_view(plan_.start ? "\1" : "\0", 1));
  const ssize_t sent = lane_->sockets().Send(
      socket->get(), std::as_bytes(std::span(hello.data(), hello.size())));
  if (sent != static_cast<ssize_t>(hello.size())) {
    return TryNext(absl::UnavailableError(
        "the node's data port has closed the connection at once"));
  }
  connected_at_ = Clock::now();
  sender_ = current_;
  std::exchange(done_, nullptr)(*std::move(socket));
  // The reception may have ended.
  if (lane_ != nullptr && end_) claims_->ExpectEnd(*end_);
}

void ParentLink::TryNext(absl::Status reason) {
  Forget();
  parent().has_refused = IsRefusal(reason);
  reason = absl::Status(
      reason.code(),
      absl::StrCat("following ", NameOfParent(), ": ", reason.message()));
  const Clock::time_point now = Clock::now();
  const bool was_well = done_ == nullptr && trouble_since_ < connected_at_;
  if (!trouble_since_ || was_well) {
    trouble_since_ = now;
    tries_ = 0;
  }
  const bool all_refuse = std::ranges::all_of(
      parents_, [](const Parent& one) { return one.has_refused; });
  if (all_refuse || absl::FromChrono(now - *trouble_since_) >= plan_.wait) {
    return GiveUp(reason);
  }
  // A connection to it may last, although nothing comes any more.
  if (done_ == nullptr && absl::IsDeadlineExceeded(reason)) {
    claims_->FallenSilent(reason);
  }
  current_ = (current_ + 1) % parents_.size();
  const size_t round = ++tries_ / parents_.size();
  if (round == 0) return Follow();
  const auto pause =
      std::min(timing_.longest_pause,
               timing_.first_pause * (1 << std::min<size_t>(round - 1, 10)));
  pause_timer_->expires_after(pause);
  pause_timer_->async_wait(
      [weak = weak_from_this(), call = call_](std::error_code error) {
        const auto self = weak.lock();
        if (!error && self != nullptr && self->call_ == call) self->Follow();
      });
}

void ParentLink::GiveUp(const absl::Status& reason) {
  Forget();
  if (done_ != nullptr) return std::exchange(done_, nullptr)(reason);
  claims_->GiveUp(reason);
}

void ParentLink::Forget() {
  ++call_;  // What is queued is of one that is over.
  if (client_ != nullptr) std::exchange(client_, nullptr)->Cancel();
  if (dialer_ != nullptr) std::exchange(dialer_, nullptr)->Cancel();
  silence_timer_->cancel();
  connect_timer_->cancel();
  pause_timer_->cancel();
}

void ParentLink::Cancel() {
  if (lane_ == nullptr) return;
  Forget();
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
