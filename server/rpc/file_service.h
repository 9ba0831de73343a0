// The FileService of the API: what is below the roots.
#ifndef TCPTOOL_SERVER_RPC_FILE_SERVICE_H_
#define TCPTOOL_SERVER_RPC_FILE_SERVICE_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/rpc/method_table.h"
#include "server/security/role.h"
#include "server/sessions/content_roots.h"
#include "tcptool/v1/file_service.pb.h"

namespace tcptool::server {

// file_service.proto describes the methods. None of them waits for a disk;
// `done` is called once, on any thread.
class FileService : public RpcService {
 public:
  // `roots` outlives the service. `browsable`: those that viewers may look
  // into.
  FileService(const ContentRoots& roots,
              const std::vector<std::string>& browsable)
      : roots_(roots), browsable_(browsable.begin(), browsable.end()) {}

  void AddTo(MethodTable& table) override;

  // `role`: the caller's.
  void ListFiles(
      const v1::ListFilesRequest& request, Role role,
      std::function<void(absl::StatusOr<v1::ListFilesResponse>)> done) const;
  void StatFile(const v1::StatFileRequest& request, Role role,
                std::function<void(absl::StatusOr<v1::File>)> done) const;

 private:
  // PERMISSION_DENIED: who has the role may not look into the root, if there is
  // such a root at all.
  absl::Status CheckBrowsable(const std::string& root, Role role) const;

  const ContentRoots& roots_;
  const std::set<std::string> browsable_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_RPC_FILE_SERVICE_H_
