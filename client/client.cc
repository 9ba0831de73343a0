#include "client/client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <cstdint>
#include <random>
#include <utility>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace tcptool {
namespace {

// DeleteSession is not among them: if only its answer was lost, trying again
// would answer NOT_FOUND. Nor is UploadContent: its stream's end fails the
// session. A watch is tried again until its first message, by gRPC; after that
// by WatchSessions() below.
constexpr char kServiceConfig[] = R"({
  "methodConfig": [{
    "name": [
      {"service": "tcptool.v1.NodeService"},
      {"service": "tcptool.v1.SessionService", "method": "CreateSession"},
      {"service": "tcptool.v1.SessionService", "method": "GetSession"},
      {"service": "tcptool.v1.SessionService", "method": "ListSessions"},
      {"service": "tcptool.v1.SessionService", "method": "WatchSessions"},
      {"service": "tcptool.v1.SessionService", "method": "StartSession"},
      {"service": "tcptool.v1.SessionService", "method": "CancelSession"},
      {"service": "tcptool.v1.SessionService", "method": "ListRecipients"},
      {"service": "tcptool.v1.SessionService", "method": "DropRecipient"}
    ],
    "retryPolicy": {
      "maxAttempts": 5,
      "initialBackoff": "0.1s",
      "maxBackoff": "2s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }]
})";

// gRPC's second would outlast most of the attempts above.
constexpr int kFirstReconnectMillis = 100;

// Between a watch that broke off and the next, which backs off by itself.
constexpr absl::Duration kWatchPause = absl::Milliseconds(500);

constexpr int32_t kPageSize = 1000;
constexpr size_t kChunkBytes = size_t{1} << 20;

absl::Status ToAbsl(const grpc::Status& status) {
  // The codes are the same numbers.
  return {static_cast<absl::StatusCode>(status.error_code()),
          status.error_message()};
}

std::string RandomId() {
  std::random_device random;
  return absl::StrFormat("%08x%08x%08x%08x", random(), random(), random(),
                         random());
}

// One unary call.
template <typename Service, typename Request, typename Response>
absl::StatusOr<Response> Call(
    Service& service,
    grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                    Response*),
    const Request& request, absl::Duration timeout) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  Response response;
  const grpc::Status status = (service.*method)(&context, request, &response);
  if (!status.ok()) return ToAbsl(status);
  return response;
}

// Fills `data` unless the content ends before.
absl::Status Fill(Client::ContentReader reader, std::string& data) {
  data.resize(kChunkBytes);
  size_t filled = 0;
  while (filled < data.size()) {
    const absl::StatusOr<size_t> count =
        reader(data.data() + filled, data.size() - filled);
    if (!count.ok()) return count.status();
    if (*count == 0) break;
    filled += *count;
  }
  data.resize(filled);
  return absl::OkStatus();
}

}  // namespace

std::shared_ptr<grpc::Channel> Client::NewChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  arguments.SetServiceConfigJSON(kServiceConfig);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                   kFirstReconnectMillis);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(),
                                   arguments);
}

Client::Client(const std::shared_ptr<grpc::Channel>& channel,
               absl::Duration timeout)
    : sessions_(v1::SessionService::NewStub(channel)),
      nodes_(v1::NodeService::NewStub(channel)),
      timeout_(timeout) {}

absl::StatusOr<v1::Session> Client::CreateSession(
    v1::CreateSessionRequest request) {
  if (request.request_id().empty()) request.set_request_id(RandomId());
  return Call(*sessions_, &v1::SessionService::Stub::CreateSession, request,
              timeout_);
}

absl::StatusOr<v1::Session> Client::GetSession(const std::string& name) {
  v1::GetSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::GetSession, request,
              timeout_);
}

absl::StatusOr<v1::Session> Client::StartSession(const std::string& name) {
  v1::StartSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::StartSession, request,
              timeout_);
}

absl::StatusOr<v1::Session> Client::CancelSession(const std::string& name) {
  v1::CancelSessionRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::CancelSession, request,
              timeout_);
}

absl::Status Client::DeleteSession(const std::string& name, bool force) {
  v1::DeleteSessionRequest request;
  request.set_name(name);
  request.set_force(force);
  return Call(*sessions_, &v1::SessionService::Stub::DeleteSession, request,
              timeout_)
      .status();
}

absl::StatusOr<std::vector<v1::Session>> Client::ListSessions() {
  v1::ListSessionsRequest request;
  request.set_page_size(kPageSize);
  std::vector<v1::Session> sessions;
  do {
    auto page = Call(*sessions_, &v1::SessionService::Stub::ListSessions,
                     request, timeout_);
    if (!page.ok()) return page.status();
    for (v1::Session& session : *page->mutable_sessions()) {
      sessions.push_back(std::move(session));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return sessions;
}

absl::StatusOr<std::vector<v1::Recipient>> Client::ListRecipients(
    const std::string& session) {
  v1::ListRecipientsRequest request;
  request.set_parent(session);
  request.set_page_size(kPageSize);
  std::vector<v1::Recipient> recipients;
  do {
    auto page = Call(*sessions_, &v1::SessionService::Stub::ListRecipients,
                     request, timeout_);
    if (!page.ok()) return page.status();
    for (v1::Recipient& recipient : *page->mutable_recipients()) {
      recipients.push_back(std::move(recipient));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return recipients;
}

absl::StatusOr<v1::Recipient> Client::DropRecipient(const std::string& name) {
  v1::DropRecipientRequest request;
  request.set_name(name);
  return Call(*sessions_, &v1::SessionService::Stub::DropRecipient, request,
              timeout_);
}

absl::StatusOr<v1::Node> Client::GetNode() {
  return Call(*nodes_, &v1::NodeService::Stub::GetNode, v1::GetNodeRequest(),
              timeout_);
}

absl::Status Client::WatchSessions(v1::WatchSessionsRequest request,
                                   WatchCallback callback) {
  absl::Time last_heard = absl::InfinitePast();
  while (true) {
    grpc::ClientContext context;
    const auto stream = sessions_->WatchSessions(&context, request);
    v1::WatchSessionsResponse response;
    while (stream->Read(&response)) {
      if (response.has_bookmark()) {
        request.set_resume_revision(response.revision());
      }
      if (!callback(response)) {
        context.TryCancel();
        stream->Finish();
        return absl::OkStatus();
      }
      last_heard = absl::Now();
    }
    const absl::Status status = ToAbsl(stream->Finish());
    if (absl::IsOutOfRange(status) && request.resume_revision() != 0) {
      request.set_resume_revision(0);
      continue;
    }
    if (!absl::IsUnavailable(status) || absl::Now() - last_heard > timeout_) {
      return status;
    }
    absl::SleepFor(kWatchPause);
  }
}

absl::StatusOr<v1::Session> Client::UploadContent(const std::string& session,
                                                  ContentReader reader) {
  grpc::ClientContext context;
  v1::UploadContentResponse response;
  const auto stream = sessions_->UploadContent(&context, &response);
  v1::UploadContentRequest request;
  request.set_name(session);
  int64_t offset = 0;
  do {
    if (absl::Status status = Fill(reader, *request.mutable_data());
        !status.ok()) {
      context.TryCancel();
      stream->Finish();
      return status;
    }
    request.set_offset(offset);
    offset += static_cast<int64_t>(request.data().size());
    request.set_complete(request.data().size() < kChunkBytes);
  } while (stream->Write(request) && !request.complete());
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return ToAbsl(status);
  return std::move(*response.mutable_session());
}

}  // namespace tcptool
