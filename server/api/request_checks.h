// Checks of requests that need no state of the service.
#ifndef TCPTOOL_SERVER_API_REQUEST_CHECKS_H_
#define TCPTOOL_SERVER_API_REQUEST_CHECKS_H_

#include "absl/status/status.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/file_service.pb.h"
#include "tcptool/v1/reception_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// INVALID_ARGUMENT names all fields that are wrong. Not checked here: the spec
// of a session (spec.h), of a reception (reception_spec.h) or of a distribution
// (server/fleet/service), an upload's messages (server/sessions/upload.h). Who
// checks a spec adds what is wrong with it, by BothChecks().
absl::Status CheckRequest(const v1::CreateSessionRequest& request);
absl::Status CheckRequest(const v1::GetSessionRequest& request);
absl::Status CheckRequest(const v1::ListSessionsRequest& request);
absl::Status CheckRequest(const v1::WatchSessionsRequest& request);
absl::Status CheckRequest(const v1::WaitSessionRequest& request);
absl::Status CheckRequest(const v1::StartSessionRequest& request);
absl::Status CheckRequest(const v1::CancelSessionRequest& request);
absl::Status CheckRequest(const v1::DeleteSessionRequest& request);
absl::Status CheckRequest(const v1::RetrySessionRequest& request);
absl::Status CheckRequest(const v1::UpdateSessionRequest& request);
absl::Status CheckRequest(const v1::GetRecipientRequest& request);
absl::Status CheckRequest(const v1::ListRecipientsRequest& request);
absl::Status CheckRequest(const v1::DropRecipientRequest& request);
absl::Status CheckRequest(const v1::CreateReceptionRequest& request);
absl::Status CheckRequest(const v1::GetReceptionRequest& request);
absl::Status CheckRequest(const v1::ListReceptionsRequest& request);
absl::Status CheckRequest(const v1::WatchReceptionsRequest& request);
absl::Status CheckRequest(const v1::CancelReceptionRequest& request);
absl::Status CheckRequest(const v1::DeleteReceptionRequest& request);
absl::Status CheckRequest(const v1::CreateDistributionRequest& request);
absl::Status CheckRequest(const v1::GetDistributionRequest& request);
absl::Status CheckRequest(const v1::ListDistributionsRequest& request);
absl::Status CheckRequest(const v1::WatchDistributionsRequest& request);
absl::Status CheckRequest(const v1::CancelDistributionRequest& request);
absl::Status CheckRequest(const v1::DeleteDistributionRequest& request);
absl::Status CheckRequest(const v1::RetryDistributionRequest& request);
absl::Status CheckRequest(const v1::GetDeliveryRequest& request);
absl::Status CheckRequest(const v1::ListDeliveriesRequest& request);
absl::Status CheckRequest(const v1::GetFleetNodeRequest& request);
absl::Status CheckRequest(const v1::ListNodesRequest& request);
absl::Status CheckRequest(const v1::ListFilesRequest& request);
absl::Status CheckRequest(const v1::StatFileRequest& request);

// A "sessions/{session}" in the field at `path`.
absl::Status CheckSessionName(absl::string_view path, const std::string& name);
// The same, a "distributions/{distribution}".
absl::Status CheckDistributionName(absl::string_view path,
                                   const std::string& name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_REQUEST_CHECKS_H_
