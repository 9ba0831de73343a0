#include "server/rpc/file_service.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/api/errors.h"
#include "server/api/invalid_field.h"
#include "server/api/page_token.h"
#include "server/rpc/unary_methods.h"
#include "server/sessions/directory_listing.h"

namespace tcptool::server {
namespace {

// What a path has led to. One that no file can have is a wrong field.
template <typename T>
absl::StatusOr<T> OfPath(absl::StatusOr<T> found) {
  if (!absl::IsInvalidArgument(found.status())) return found;
  return InvalidField("path", found.status().message());
}

}  // namespace

// Viewers may call the methods, and it depends on the root what they see.
void FileService::AddTo(MethodTable& table) {
  UnaryMethods unary(
      table, *v1::ListFilesRequest::descriptor()->file()->FindServiceByName(
                 "FileService"));
  unary.AddWithCaller<v1::ListFilesRequest, v1::ListFilesResponse>(
      "ListFiles",
      [this](const auto& request, const Caller& caller, auto done) {
        ListFiles(request, caller.role, std::move(done));
      });
  unary.AddWithCaller<v1::StatFileRequest, v1::File>(
      "StatFile", [this](const auto& request, const Caller& caller, auto done) {
        StatFile(request, caller.role, std::move(done));
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
  const absl::Status status = CheckBrowsable(request.root(), role);
  if (!status.ok()) return done(status);
  const absl::StatusOr<NamePage> page = NamePage::Of(request);
  if (!page.ok()) return done(page.status());
  const auto deadline = std::chrono::steady_clock::now() +
                        absl::ToChronoSeconds(ContentRoots::kDeadline);
  const ListingLimits limits = {.is_late = [deadline] {
    return std::chrono::steady_clock::now() >= deadline;
  }};
  roots_.Look<v1::ListFilesResponse>(
      request.root(),
      [path = request.path(), page = *page, limits](const ContentRoot& root) {
        return OfPath(ListDirectory(root, path, page, limits));
      },
      std::move(done));
}

void FileService::StatFile(
    const v1::StatFileRequest& request, Role role,
    std::function<void(absl::StatusOr<v1::File>)> done) const {
  const absl::Status status = CheckBrowsable(request.root(), role);
  if (!status.ok()) return done(status);
  roots_.Look<v1::File>(
      request.root(),
      [path = request.path()](const ContentRoot& root) {
        return OfPath(server::StatFile(root, path));
      },
      std::move(done));
}

}  // namespace tcptool::server
