#include "server/peers/follow_call.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/api/names.h"
#include "server/front/places.h"
#include "server/rpc/peer_address.h"

namespace tcptool::server {
namespace {

// The API's: silence means that the peer is gone.
constexpr auto kHeartbeat = std::chrono::milliseconds(250);
constexpr size_t kMostDigests = 4096;
constexpr size_t kMaxNodeBytes = 64;
// In the account of a node whose connection is reset for that.
constexpr char kCallIsOver[] = "the node's call of Follow is over";

absl::Status Check(const peer::v1::FollowRequest& request) {
  const std::string& node = request.node();
  const bool is_node =
      !node.empty() && node.size() <= kMaxNodeBytes &&
      std::ranges::all_of(node, [](char c) {
        return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
               c == '_';
      });
  if (!is_node) {
    return absl::InvalidArgumentError(
        "node: it is not 1 to 64 of a-z, A-Z, 0-9, '-' and '_'");
  }
  if (request.fleet_node().size() > kMaxNodeBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("fleet_node: it has more than ", kMaxNodeBytes, " bytes"));
  }
  if (request.offset() < 0) {
    return absl::InvalidArgumentError("offset: it is negative");
  }
  if (request.first_block() < 0) {
    return absl::InvalidArgumentError("first_block: it is negative");
  }
  return absl::OkStatus();
}

// Of a distribution, that it cannot be had from here is no reason for a caller
// to give up: only the coordinator knows who else there is.
absl::Status EndOf(const std::string& name, const absl::Status& status) {
  const bool is_of_this_node =
      absl::IsDataLoss(status) || absl::IsFailedPrecondition(status);
  if (!is_of_this_node || !IsDistributionName(name)) return status;
  return absl::UnavailableError(status.message());
}

void Append(std::span<const std::byte> bytes, std::string& text) {
  text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

void FollowCall::OnRead(bool ok) {
  std::string name;
  {
    absl::MutexLock lock(&mutex_);
    absl::Status status =
        ok ? Parse(request_)
           : absl::InvalidArgumentError("the request has not come");
    if (status.ok()) status = Check(request_);
    if (!status.ok()) return EndOnce(status);
    status = CheckCaller();
    if (!status.ok()) return Refuse(status);
    name = request_.name();
    next_block_ = static_cast<uint64_t>(request_.first_block());
    set_target(name);
  }
  followers_.contents().Find(
      name, [self = Self()](const auto& found) { self->OnFound(found); });
}

void FollowCall::OnFound(
    const absl::StatusOr<std::shared_ptr<PeerContent>>& found) {
  std::string node;
  {
    absl::MutexLock lock(&mutex_);
    if (finished_) return;
    absl::Status status = found.status();
    if (status.ok()) status = (*found)->CheckAllows(PeerAddress(peer()));
    if (absl::IsPermissionDenied(status)) return Refuse(status);
    if (status.ok() && (*found)->is_encrypted() && !followers_.data_tls()) {
      status = absl::FailedPreconditionError(
          "the session's content is encrypted (SessionSpec.encryption), and "
          "the node sends content to other nodes in clear text: it has no "
          "--peer-data-tls");
    }
    if (!status.ok()) return EndOnce(status);
    if (request_.has_offset()) node = NodeName();
  }
  // Who only wants the digests is served elsewhere.
  if (node.empty()) return Follow(*found, absl::OkStatus());
  (*found)->MayTake(
      node, [self = Self(), content = *found](const absl::Status& may_take) {
        self->Follow(content, may_take);
      });
}

void FollowCall::Follow(const std::shared_ptr<PeerContent>& content,
                        const absl::Status& may_take) {
  const absl::StatusOr<uint64_t> id =
      may_take.ok() ? followers_.Add(Self(), caller().name)
                    : absl::StatusOr<uint64_t>(may_take);
  absl::MutexLock lock(&mutex_);
  if (finished_) {  // OnDone() did not know of it.
    if (id.ok()) followers_.Remove(*id);
    return;
  }
  if (!id.ok()) return EndOnce(id.status());
  id_ = *id;
  content_ = content;
  peer::v1::FollowResponse response;
  absl::Status status = CheckOffset();
  if (status.ok() && request_.has_offset()) status = AddTicket(response);
  if (!status.ok()) return EndOnce(status);
  Fill(response);
  Send(response);
}

std::string FollowCall::NodeName() const {
  return absl::StrCat(caller().name, "/", request_.node());
}

absl::Status FollowCall::CheckCaller() const {
  const bool data_tls = followers_.data_tls();
  if (request_.tls() != data_tls) {
    return absl::FailedPreconditionError(absl::StrCat(
        data_tls ? "the node sends content in TLS alone, and the caller takes "
                   "it in clear text"
                 : "the node sends content in clear text, and the caller takes "
                   "it in TLS alone",
        "; set --peer-data-tls on both"));
  }
  if (!data_tls) return absl::OkStatus();
  const std::vector<std::string>& names = caller().certificate_names;
  if (names.empty()) {
    return absl::PermissionDeniedError(
        "the node sends content to nodes with a certificate alone, and the "
        "caller has shown none");
  }
  const std::string& node = request_.fleet_node();
  if (node.empty() ||
      std::ranges::find(names, absl::StrCat("dns:", node)) != names.end()) {
    return absl::OkStatus();
  }
  return absl::PermissionDeniedError(absl::StrCat(
      "the caller says that it is the node \"", node,
      "\", and shows a certificate that has no such DNS name: it is for ",
      absl::StrJoin(names, ", ")));
}

void FollowCall::Refuse(const absl::Status& status) {
  followers_.refusals().Add(NodeName(), peer(),
                            absl::StrCat("Follow ", request_.name()), status);
  EndOnce(status);
}

absl::Status FollowCall::CheckOffset() const {
  const std::optional<uint64_t> length = content_->length();
  const auto offset = static_cast<uint64_t>(request_.offset());
  // A length that was told, and is not proven, may be less than there is.
  if (!length || offset <= std::max(*length, content_->available())) {
    return absl::OkStatus();
  }
  return absl::OutOfRangeError(absl::StrCat("offset: the content has ", *length,
                                            " bytes, not ", offset));
}

absl::Status FollowCall::AddTicket(peer::v1::FollowResponse& response) {
  const auto secret = followers_.tickets().Issue(
      id_, HostOf(PeerAddress(peer())), Clock::now());
  if (!secret.ok()) return secret.status();
  Append(*secret, *response.mutable_ticket()->mutable_secret());
  response.mutable_ticket()->set_port(followers_.data_port());
  response.mutable_ticket()->set_tls(followers_.data_tls());
  return absl::OkStatus();
}

bool FollowCall::Fill(peer::v1::FollowResponse& response) {
  // Before the digests: all that there will be are there once it is known.
  const std::optional<dataplane::ContentEnd> end = content_->end();
  const auto digests = content_->Digests(next_block_, kMostDigests);
  for (const auto& digest : digests) {
    Append(digest, *response.mutable_digests());
  }
  next_block_ += digests.size();
  // A path may be long.
  const Clock::time_point now = Clock::now();
  if (now - route_looked_at_ >= kHeartbeat) {
    route_looked_at_ = now;
    FillRoute(response);
  }
  if (const auto length = content_->length();
      length && length != length_sent_) {
    length_sent_ = length;
    response.set_length(static_cast<int64_t>(*length));
  }
  response.set_watermark(static_cast<int64_t>(content_->available()));
  if (const uint64_t rate = followers_.egress().FairRate(id_); rate > 0) {
    response.set_bytes_per_second(static_cast<int64_t>(rate));
  }
  if (end && !end_sent_ && next_block_ >= dataplane::CountBlocks(end->length)) {
    end_sent_ = true;
    response.mutable_end()->set_length(static_cast<int64_t>(end->length));
    Append(end->root, *response.mutable_end()->mutable_root());
  }
  return !digests.empty() || response.has_path() || response.has_stranded() ||
         response.has_length() || response.has_end();
}

void FollowCall::FillRoute(peer::v1::FollowResponse& response) {
  dataplane::Route route = content_->route();
  if (route.path != route_sent_.path) {
    *response.mutable_path()->mutable_nodes() = {route.path.begin(),
                                                 route.path.end()};
  }
  if (route.is_stranded != route_sent_.is_stranded) {
    response.set_stranded(route.is_stranded);
  }
  route_sent_ = std::move(route);
}

void FollowCall::Send(const peer::v1::FollowResponse& response) {
  writing_ = true;
  last_sent_ = Clock::now();
  Write(response);
}

bool FollowCall::Tick(Clock::time_point now) {
  absl::MutexLock lock(&mutex_);
  if (content_ == nullptr || finished_) return false;
  if (!writing_) {
    absl::Status status = content_->error();
    if (status.ok()) status = CheckOffset();
    if (!status.ok()) {
      EndOnce(status);
      return false;
    }
    peer::v1::FollowResponse response;
    if (Fill(response) || now - last_sent_ >= kHeartbeat) Send(response);
  }
  return !end_sent_ && length_sent_ &&
         end_watch_.IsNear(content_->available(), *length_sent_, now);
}

void FollowCall::Take(DataConnection connection) {
  std::shared_ptr<PeerContent> content;
  peer::v1::FollowRequest request;
  std::string node;
  {
    absl::MutexLock lock(&mutex_);
    if (content_ == nullptr || finished_) return;
    if (connection.tls != nullptr &&
        connection.tls->names() != caller().certificate_names) {
      return Refuse(absl::PermissionDeniedError(
          "the data port was shown another certificate than the call"));
    }
    content = content_;
    request = request_;
    node = NodeName();
  }
  followers_.nodes().Add(request.name(), node,
                         connection.peer.address().to_string(),
                         request.offset());
  content->Take({.socket = std::move(connection.socket),
                 .tls = std::move(connection.tls),
                 .peer = connection.peer,
                 .node = node,
                 .offset = static_cast<uint64_t>(request.offset())},
                [self = Self(), content](const auto& connection) {
                  self->OnTaken(content, connection);
                });
}

void FollowCall::OnTaken(const std::shared_ptr<PeerContent>& content,
                         const absl::StatusOr<uint64_t>& connection) {
  absl::MutexLock lock(&mutex_);
  if (!connection.ok()) return EndOnce(connection.status());
  if (finished_) return content->ResetNode(*connection, kCallIsOver);
  connection_ = *connection;
  followers_.egress().Add(
      id_, {.content = request_.name(),
            .set_rate =
                [content, number = *connection](uint64_t bytes_per_second) {
                  content->SetRate(number, bytes_per_second);
                },
            .taken = [content,
                      node = NodeName()] { return content->TakenBy(node); }});
}

void FollowCall::Stop(const absl::Status& reason) {
  absl::MutexLock lock(&mutex_);
  EndOnce(reason);
}

void FollowCall::OnWritten(bool ok) {
  absl::MutexLock lock(&mutex_);
  writing_ = false;
  if (!ok) EndOnce(CancelReason());
}

void FollowCall::OnCancel() {
  absl::MutexLock lock(&mutex_);
  EndOnce(CancelReason());
}

void FollowCall::OnDone() {
  uint64_t id = 0;
  {
    absl::MutexLock lock(&mutex_);
    id = std::exchange(id_, 0);
  }
  if (id != 0) followers_.Remove(id);
  Call::OnDone();
}

void FollowCall::EndOnce(const absl::Status& status) {
  if (std::exchange(finished_, true)) return;
  followers_.egress().Remove(id_);
  // A service that stops ends its sessions, which say so to their recipients.
  if (connection_ != 0 && !followers_.stopped()) {
    content_->ResetNode(connection_, kCallIsOver);
  }
  content_ = nullptr;
  End(followers_.EndOf(EndOf(request_.name(), status)));
}

}  // namespace tcptool::server
