// The C++ client of the control API.
#ifndef TCPTOOL_CLIENT_API_CLIENT_H_
#define TCPTOOL_CLIENT_API_CLIENT_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "tcptool/v1/distribution_service.grpc.pb.h"
#include "tcptool/v1/file_service.grpc.pb.h"
#include "tcptool/v1/node_service.grpc.pb.h"
#include "tcptool/v1/reception_service.grpc.pb.h"
#include "tcptool/v1/session_service.grpc.pb.h"

namespace tcptool {

// Calls block their thread. Any thread may call any method, several at a time.
//
// Errors have the service's code and message, and its details as payloads, by
// the URLs of their types ("type.googleapis.com/google.rpc.ErrorInfo");
// proto/tcptool/v1/errors.proto says which. A call that takes longer than
// `timeout` ends with DEADLINE_EXCEEDED. While the service is UNAVAILABLE,
// calls that are safe to repeat, all but those that update, delete or upload,
// are retried for about two seconds.
class Client {
 public:
  // `channel`: of NewChannel() (channel.h), which is set up to try again.
  // `timeout` is for each call by itself, watches and UploadContent excepted.
  // `token`: a bearer token; empty for none.
  Client(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout,
         const std::string& token = "");

  // Generates a `request_id` if there is none, so that a retry creates no
  // second session.
  absl::StatusOr<v1::Session> CreateSession(v1::CreateSessionRequest request);

  // Sessions are named "sessions/{session}".
  absl::StatusOr<v1::Session> GetSession(const std::string& name);
  // Returns the session when it is finished, or, as it is then, after
  // `timeout`, 300 s at most; `timeout` may be infinite.
  absl::StatusOr<v1::Session> WaitSession(const std::string& name,
                                          absl::Duration timeout);
  absl::StatusOr<v1::Session> StartSession(const std::string& name);
  absl::StatusOr<v1::Session> CancelSession(const std::string& name);
  // Generates a `request_id` as CreateSession() does.
  absl::StatusOr<v1::Session> RetrySession(v1::RetrySessionRequest request);
  absl::StatusOr<v1::Session> UpdateSession(
      const v1::UpdateSessionRequest& request);
  // `force`: cancel it first if it is not finished.
  absl::Status DeleteSession(const std::string& name, bool force);

  // Of all pages, in the service's order, those that `request` selects.
  absl::StatusOr<std::vector<v1::Session>> ListSessions(
      const v1::ListSessionsRequest& request = {});
  absl::StatusOr<std::vector<v1::Recipient>> ListRecipients(
      const v1::ListRecipientsRequest& request);

  // Named "sessions/{session}/recipients/{recipient}".
  absl::StatusOr<v1::Recipient> DropRecipient(const std::string& name);

  // As those of sessions. Receptions are named "receptions/{reception}".
  absl::StatusOr<v1::Reception> CreateReception(
      v1::CreateReceptionRequest request);
  absl::StatusOr<v1::Reception> GetReception(const std::string& name);
  absl::StatusOr<v1::Reception> CancelReception(const std::string& name);
  absl::Status DeleteReception(const std::string& name, bool force);
  absl::StatusOr<std::vector<v1::Reception>> ListReceptions(
      const v1::ListReceptionsRequest& request = {});

  // The same. Distributions are named "distributions/{distribution}".
  absl::StatusOr<v1::Distribution> CreateDistribution(
      v1::CreateDistributionRequest request);
  absl::StatusOr<v1::Distribution> GetDistribution(const std::string& name);
  absl::StatusOr<v1::Distribution> CancelDistribution(const std::string& name);
  // ABORTED: `etag`, if it is not empty, is not the distribution's any more.
  absl::StatusOr<v1::Distribution> RetryDistribution(
      const std::string& name, const std::string& etag = "");
  absl::Status DeleteDistribution(const std::string& name, bool force);
  absl::StatusOr<std::vector<v1::Distribution>> ListDistributions(
      const v1::ListDistributionsRequest& request = {});
  absl::StatusOr<std::vector<v1::Delivery>> ListDeliveries(
      const std::string& distribution);
  // Of the fleet.
  absl::StatusOr<std::vector<v1::FleetNode>> ListNodes(
      const v1::ListNodesRequest& request = {});

  absl::StatusOr<v1::Node> GetNode();

  // Below the node's roots; an empty path is the root itself. All pages.
  absl::StatusOr<std::vector<v1::File>> ListFiles(const std::string& root,
                                                  const std::string& path);
  absl::StatusOr<v1::File> StatFile(const std::string& root,
                                    const std::string& path);

  // Returns whether to continue the watch.
  using WatchCallback =
      absl::FunctionRef<bool(const v1::WatchSessionsResponse&)>;

  struct WatchOptions {
    // Ends the watch, which is OK. Other threads may ask for it.
    std::stop_token stop;
    // Called, if it is set, before a new snapshot comes, on the watch's thread:
    // what there was before, and is not in it, is gone. The error is why.
    std::function<void(const absl::Status&)> on_restart;
  };

  // Passes each message to `callback`, on this thread, until `callback` ends
  // the watch, which is OK, or the service does. A watch that has begun
  // survives a lost connection, a stream that a proxy resets, and a service
  // that is away, each for up to `timeout`, however long it was quiet before:
  // it resumes after the last bookmark, so that messages after that one come
  // twice. A service that vanishes is noticed within 20 s. If the service no
  // longer has what follows that bookmark, a new snapshot comes, and deletions
  // in between are not reported.
  absl::Status WatchSessions(v1::WatchSessionsRequest request,
                             WatchCallback callback,
                             const WatchOptions& options = {});

  // As WatchSessions().
  using ReceptionsCallback =
      absl::FunctionRef<bool(const v1::WatchReceptionsResponse&)>;
  absl::Status WatchReceptions(v1::WatchReceptionsRequest request,
                               ReceptionsCallback callback);

  using DistributionsCallback =
      absl::FunctionRef<bool(const v1::WatchDistributionsResponse&)>;
  absl::Status WatchDistributions(v1::WatchDistributionsRequest request,
                                  DistributionsCallback callback);

  // Writes up to `size` bytes of content to `buffer` and returns how many; 0 is
  // the content's end.
  using ContentReader =
      absl::FunctionRef<absl::StatusOr<size_t>(char* buffer, size_t size)>;

  // Sends what `reader` gives, on this thread, no faster than the service takes
  // it, and returns the session when the service has all of it. An error of
  // `reader` is returned, and fails the session.
  absl::StatusOr<v1::Session> UploadContent(const std::string& session,
                                            ContentReader reader);
  // The same of a distribution, when its node has all of it on its disk.
  absl::StatusOr<v1::Distribution> UploadDistribution(
      const std::string& distribution, ContentReader reader);

 private:
  void Authorize(grpc::ClientContext& context) const;

  // One unary call; the service may take `wait` longer to answer than
  // `timeout`.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Call(
      Service& service,
      grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                      Response*),
      const Request& request, absl::Duration wait = absl::ZeroDuration()) const;

  // All pages of a list, from that of `request` on; `items` are a page's.
  template <typename Item, typename Service, typename Request,
            typename Response>
  absl::StatusOr<std::vector<Item>> List(
      Service& service,
      grpc::Status (Service::*method)(grpc::ClientContext*, const Request&,
                                      Response*),
      google::protobuf::RepeatedPtrField<Item>* (Response::*items)(),
      Request request) const;

  // `open` starts a watch of `request`.
  template <typename Request, typename Response, typename Open>
  absl::Status Watch(Request request,
                     absl::FunctionRef<bool(const Response&)> callback,
                     const WatchOptions& options, Open open) const;

  const std::unique_ptr<v1::SessionService::Stub> sessions_;
  const std::unique_ptr<v1::ReceptionService::Stub> receptions_;
  const std::unique_ptr<v1::DistributionService::Stub> distributions_;
  const std::unique_ptr<v1::NodeService::Stub> nodes_;
  const std::unique_ptr<v1::FileService::Stub> files_;
  const absl::Duration timeout_;
  const std::string authorization_;
};

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_API_CLIENT_H_
