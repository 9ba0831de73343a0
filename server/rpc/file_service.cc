#include "server/rpc/file_service.h"

#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/api/errors.h"
#include "server/api/page_token.h"
#include "server/api/request_checks.h"
#include "server/rpc/unary_call.h"
#include "server/sessions/directory_listing.h"

namespace tcptool::server {
namespace {

// Viewers may call the methods, and it depends on the root what they see.
template <typename Request, typename Response, typename Handler>
void Add(MethodTable& table, const std::string& name, const Handler& handler) {
  using Unary = UnaryCall<Request, Response>;
  const auto& method = *Request::descriptor()
                            ->file()
                            ->FindServiceByName("FileService")
                            ->FindMethodByName(name);
  const auto of = [&handler](Role role) {
    return typename Unary::Function(
        [handler, role](const Request& request, auto done) {
          handler(request, role, std::move(done));
        });
  };
  table.Add(method, RequiredRole(method),
            [operators = of(Role::kOperator),
             others = of(Role::kViewer)](Call::Headers headers) {
              const auto& function =
                  headers.caller.role == Role::kOperator ? operators : others;
              return std::make_shared<Unary>(std::move(headers), function);
            });
}

}  // namespace

void FileService::AddTo(MethodTable& table) {
  Add<v1::ListFilesRequest, v1::ListFilesResponse>(
      table, "ListFiles", [this](const auto& request, Role role, auto done) {
        ListFiles(request, role, std::move(done));
      });
  Add<v1::StatFileRequest, v1::File>(
      table, "StatFile", [this](const auto& request, Role role, auto done) {
        StatFile(request, role, std::move(done));
      });
}

absl::Status FileService::CheckBrowsable(const std::string& root,
                                         Role role) const {
  if (role == Role::kOperator || browsable_.contains(root)) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::PermissionDeniedError(absl::StrCat(
          "viewers may not look into root \"", root,
          "\"; ask as an operator, or have the service started with --browse ",
          root)),
      v1::ERROR_REASON_ROLE_MISSING, {{"role", RoleName(Role::kOperator)}});
}

void FileService::ListFiles(
    const v1::ListFilesRequest& request, Role role,
    std::function<void(absl::StatusOr<v1::ListFilesResponse>)> done) const {
  absl::Status status = CheckRequest(request);
  if (status.ok()) status = CheckBrowsable(request.root(), role);
  if (!status.ok()) return done(status);
  const absl::StatusOr<NamePage> page = NamePage::Of(request);
  if (!page.ok()) return done(page.status());
  const ListingLimits limits = {
      .deadline = std::chrono::steady_clock::now() +
                  absl::ToChronoSeconds(ContentRoots::kDeadline)};
  roots_.Look<v1::ListFilesResponse>(
      request.root(),
      [path = request.path(), page = *page, limits](const ContentRoot& root) {
        return ListDirectory(root, path, page, limits);
      },
      std::move(done));
}

void FileService::StatFile(
    const v1::StatFileRequest& request, Role role,
    std::function<void(absl::StatusOr<v1::File>)> done) const {
  absl::Status status = CheckRequest(request);
  if (status.ok()) status = CheckBrowsable(request.root(), role);
  if (!status.ok()) return done(status);
  roots_.Look<v1::File>(
      request.root(),
      [path = request.path()](const ContentRoot& root) {
        return server::StatFile(root, path);
      },
      std::move(done));
}

}  // namespace tcptool::server
