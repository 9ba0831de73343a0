// What clients upload to.
#ifndef TCPTOOL_SERVER_RPC_UPLOAD_TARGETS_H_
#define TCPTOOL_SERVER_RPC_UPLOAD_TARGETS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/fleet/service/distributions.h"
#include "server/receptions/reception_upload.h"
#include "server/receptions/reception_uploads.h"
#include "server/sessions/session_manager.h"
#include "server/sessions/upload.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Each is what UploadReactor is of: copied for each stream, and any thread may
// call it. What it refers to outlives all streams.

// UploadContent.
struct SessionUploads {
  using Request = v1::UploadContentRequest;
  using Response = v1::UploadContentResponse;
  using Upload = server::Upload;
  using Opened = std::function<void(absl::StatusOr<std::unique_ptr<Upload>>)>;
  using Done = std::function<void(absl::StatusOr<Response>)>;

  static absl::Status CheckName(const std::string& name);
  void Open(const std::string& name, Opened opened) const;
  static void Fail(Upload& upload, const absl::Status& why);
  // Of one that is closed before it is complete.
  static absl::Status EndedEarly(const Upload& upload);
  // Whether one that is complete may be answered; if not, it may once it is
  // closed.
  static bool IsAnswerable(const Upload& /*upload*/) { return true; }
  // Its response. `done` is called on any thread, also at once.
  void Answer(Upload& upload, Done done) const;

  SessionManager& manager;
};

// UploadDistribution.
struct DistributionUploads {
  using Request = v1::UploadDistributionRequest;
  using Response = v1::UploadDistributionResponse;
  using Upload = ReceptionUpload;
  using Opened = std::function<void(absl::StatusOr<std::unique_ptr<Upload>>)>;
  using Done = std::function<void(absl::StatusOr<Response>)>;

  static absl::Status CheckName(const std::string& name);
  void Open(const std::string& name, Opened opened) const;
  static void Fail(Upload& upload, const absl::Status& why);
  static absl::Status EndedEarly(const Upload& upload);
  static bool IsAnswerable(const Upload& upload) { return upload.closed(); }
  void Answer(Upload& upload, const Done& done) const;

  fleet::Distributions& distributions;
  ReceptionUploads& uploads;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_UPLOAD_TARGETS_H_
