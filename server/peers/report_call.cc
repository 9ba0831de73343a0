#include "server/peers/report_call.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

// Less than until the next report.
constexpr std::chrono::seconds kTimeout(5);

}  // namespace

ReportCall::ReportCall(const std::shared_ptr<grpc::Channel>& channel,
                       const std::string& token,
                       peer::v1::ReportRatesRequest request)
    : stub_(peer::v1::PeerService::NewStub(channel)),
      request_(std::move(request)) {
  context_.set_deadline(std::chrono::system_clock::now() + kTimeout);
  if (!token.empty()) {
    context_.AddMetadata("authorization", absl::StrCat("Bearer ", token));
  }
}

void ReportCall::Start(const std::shared_ptr<ReportCall>& call,
                       OnDone on_done) {
  call->stub_->async()->ReportRates(
      &call->context_, &call->request_, &call->response_,
      [call, on_done = std::move(on_done)](const grpc::Status&) mutable {
        on_done(std::move(call));
      });
}

}  // namespace tcptool::server
