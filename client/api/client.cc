#include "client/api/client.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/api/to_absl.h"

namespace tcptool {
namespace {

// What the service takes a longer one for.
constexpr absl::Duration kLongestWait = absl::Seconds(300);

constexpr int32_t kPageSize = 1000;

std::string RandomId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(),
                         random());
}

}  // namespace

Client::Client(const std::shared_ptr<grpc::Channel>& channel,
               absl::Duration timeout, const std::string& token)
    : sessions_(v1::SessionService::NewStub(channel)),
      receptions_(v1::ReceptionService::NewStub(channel)),
      distributions_(v1::DistributionService::NewStub(channel)),
      nodes_(v1::NodeService::NewStub(channel)),
      files_(v1::FileService::NewStub(channel)),
      timeout_(timeout),
      authorization_(token.empty() ? "" : absl::StrCat("Bearer ", token)) {}

void Client::Authorize(grpc::ClientContext& context) const {
  // Not as gRPC's call credentials, which want TLS also on this host.
  if (!authorization_.empty()) {
    context.AddMetadata("authorization", authorization_);
  }
}

template <typename Service, typename Request, typename Response>
absl::StatusOr<Response> Client::Call(
    Service& service,
    grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                    Response*),
    const Request& request, absl::Duration wait) const {
  grpc::ClientContext context;
  Authorize(context);
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout_ + wait));
  Response response;
  const grpc::Status status = (service.*method)(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  return response;
}

template <typename Item, typename Service, typename Request, typename Response>
absl::StatusOr<std::vector<Item>> Client::List(
    Service& service,
    grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                    Response*),
    google::protobuf::RepeatedPtrField<Item>* (Response::*items)(),
    Request request) const {
  request.set_page_size(kPageSize);
  std::vector<Item> all;
  do {
    auto page = Call(service, method, request);
    if (!page.ok()) return page.status();
    for (Item& item : *((*page).*items)()) all.push_back(std::move(item));
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return all;
}

absl::StatusOr<v1::Session> Client::CreateSession(
    v1::CreateSessionRequest request) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return Call(*sessions_, &v1::SessionService::Stub::CreateSession, request);
}

absl::StatusOr<v1::Session> Client::GetSession(const std::string& name) {
  v1::GetSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::GetSession, request);
}

absl::StatusOr<v1::Session> Client::WaitSession(const std::string& name,
                                                absl::Duration timeout) {
  const absl::Duration wait = std::min(timeout, kLongestWait);
  v1::WaitSessionRequest request;
  request.set_name(name);
  request.mutable_timeout()->set_seconds(
      absl::ToInt64Seconds(absl::Ceil(wait, absl::Seconds(1))));
  return Call(*sessions_, &v1::SessionService::Stub::WaitSession, request,
              wait);
}

absl::StatusOr<v1::Session> Client::StartSession(const std::string& name) {
  v1::StartSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::StartSession, request);
}

absl::StatusOr<v1::Session> Client::CancelSession(const std::string& name) {
  v1::CancelSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::CancelSession, request);
}

absl::StatusOr<v1::Session> Client::RetrySession(
    v1::RetrySessionRequest request) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return Call(*sessions_, &v1::SessionService::Stub::RetrySession, request);
}

absl::StatusOr<v1::Session> Client::UpdateSession(
    const v1::UpdateSessionRequest& request) {
  return Call(*sessions_, &v1::SessionService::Stub::UpdateSession, request);
}

absl::Status Client::DeleteSession(const std::string& name, bool force) {
  v1::DeleteSessionRequest request;
  request.set_name(name);
  request.set_force(force);
  return Call(*sessions_, &v1::SessionService::Stub::DeleteSession, request)
      .status();
}

absl::StatusOr<std::vector<v1::Session>> Client::ListSessions(
    const v1::ListSessionsRequest& request) {
  return List(*sessions_, &v1::SessionService::Stub::ListSessions,
              &v1::ListSessionsResponse::mutable_sessions, request);
}

absl::StatusOr<std::vector<v1::Recipient>> Client::ListRecipients(
    const v1::ListRecipientsRequest& request) {
  return List(*sessions_, &v1::SessionService::Stub::ListRecipients,
              &v1::ListRecipientsResponse::mutable_recipients, request);
}

absl::StatusOr<v1::Recipient> Client::DropRecipient(const std::string& name) {
  v1::DropRecipientRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::DropRecipient, request);
}

absl::StatusOr<v1::Reception> Client::CreateReception(
    v1::CreateReceptionRequest request) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return Call(*receptions_, &v1::ReceptionService::Stub::CreateReception,
              request);
}

absl::StatusOr<v1::Reception> Client::GetReception(const std::string& name) {
  v1::GetReceptionRequest request;
  request.set_name(name);
  return Call(*receptions_, &v1::ReceptionService::Stub::GetReception, request);
}

absl::StatusOr<v1::Reception> Client::CancelReception(const std::string& name) {
  v1::CancelReceptionRequest request;
  request.set_name(name);
  return Call(*receptions_, &v1::ReceptionService::Stub::CancelReception,
              request);
}

absl::Status Client::DeleteReception(const std::string& name, bool force) {
  v1::DeleteReceptionRequest request;
  request.set_name(name);
  request.set_force(force);
  return Call(*receptions_, &v1::ReceptionService::Stub::DeleteReception,
              request)
      .status();
}

absl::StatusOr<std::vector<v1::Reception>> Client::ListReceptions(
    const v1::ListReceptionsRequest& request) {
  return List(*receptions_, &v1::ReceptionService::Stub::ListReceptions,
              &v1::ListReceptionsResponse::mutable_receptions, request);
}

absl::StatusOr<v1::Distribution> Client::CreateDistribution(
    v1::CreateDistributionRequest request) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return Call(*distributions_,
              &v1::DistributionService::Stub::CreateDistribution, request);
}

absl::StatusOr<v1::Distribution> Client::GetDistribution(
    const std::string& name) {
  v1::GetDistributionRequest request;
  request.set_name(name);
  return Call(*distributions_, &v1::DistributionService::Stub::GetDistribution,
              request);
}

absl::StatusOr<v1::Distribution> Client::CancelDistribution(
    const std::string& name) {
  v1::CancelDistributionRequest request;
  request.set_name(name);
  return Call(*distributions_,
              &v1::DistributionService::Stub::CancelDistribution, request);
}

absl::StatusOr<v1::Distribution> Client::RetryDistribution(
    const std::string& name, const std::string& etag) {
  v1::RetryDistributionRequest request;
  request.set_name(name);
  request.set_etag(etag);
  return Call(*distributions_,
              &v1::DistributionService::Stub::RetryDistribution, request);
}

absl::Status Client::DeleteDistribution(const std::string& name, bool force) {
  v1::DeleteDistributionRequest request;
  request.set_name(name);
  request.set_force(force);
  return Call(*distributions_,
              &v1::DistributionService::Stub::DeleteDistribution, request)
      .status();
}

absl::StatusOr<std::vector<v1::Distribution>> Client::ListDistributions(
    const v1::ListDistributionsRequest& request) {
  return List(*distributions_,
              &v1::DistributionService::Stub::ListDistributions,
              &v1::ListDistributionsResponse::mutable_distributions, request);
}

absl::StatusOr<std::vector<v1::Delivery>> Client::ListDeliveries(
    const std::string& distribution) {
  v1::ListDeliveriesRequest request;
  request.set_parent(distribution);
  return List(*distributions_, &v1::DistributionService::Stub::ListDeliveries,
              &v1::ListDeliveriesResponse::mutable_deliveries, request);
}

absl::StatusOr<std::vector<v1::FleetNode>> Client::ListNodes(
    const v1::ListNodesRequest& request) {
  return List(*distributions_, &v1::DistributionService::Stub::ListNodes,
              &v1::ListNodesResponse::mutable_nodes, request);
}

absl::StatusOr<v1::Node> Client::GetNode() {
  return Call(*nodes_, &v1::NodeService::Stub::GetNode, v1::GetNodeRequest());
}

absl::StatusOr<std::vector<v1::File>> Client::ListFiles(
    const std::string& root, const std::string& path) {
  v1::ListFilesRequest request;
  request.set_root(root);
  request.set_path(path);
  return List(*files_, &v1::FileService::Stub::ListFiles,
              &v1::ListFilesResponse::mutable_files, request);
}

absl::StatusOr<v1::File> Client::StatFile(const std::string& root,
                                          const std::string& path) {
  v1::StatFileRequest request;
  request.set_root(root);
  request.set_path(path);
  return Call(*files_, &v1::FileService::Stub::StatFile, request);
}

}  // namespace tcptool
