// Pages of a listing (AIP-158).
#ifndef TCPTOOL_SERVER_API_PAGE_TOKEN_H_
#define TCPTOOL_SERVER_API_PAGE_TOKEN_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/file_service.pb.h"
#include "tcptool/v1/reception_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool::server {

// Where a page begins and how long it is. A token holds the number of an object
// and not a count, so that it stays right while others come and go; and a
// fingerprint of the request, so that it is not taken for another listing's.
struct Page {
  int size = 0;
  // The number of the object that the page begins with; if that was deleted, of
  // the next one in the listing's order. None: the first page.
  std::optional<uint64_t> begin;
  // Of recipients: how many were expected when the first page was made. None:
  // as many as are now.
  std::optional<uint64_t> expected;

  // INVALID_ARGUMENT names page_size, page_token or both.
  static absl::StatusOr<Page> Of(v1::ListSessionsRequest request);
  static absl::StatusOr<Page> Of(v1::ListRecipientsRequest request);
  static absl::StatusOr<Page> Of(v1::ListReceptionsRequest request);
  static absl::StatusOr<Page> Of(v1::ListDistributionsRequest request);

  // The token of a page that begins with the object of this number.
  std::string Token(uint64_t number) const;
  std::string Token(uint64_t number, uint64_t expected) const;

 private:
  template <typename Request>
  static absl::StatusOr<Page> Parse(Request& request);

  uint64_t fingerprint_ = 0;
};

// The same, of objects that are listed by their names.
struct NamePage {
  int size = 0;
  // As of Page. Empty: the first page.
  std::string begin;

  static absl::StatusOr<NamePage> Of(v1::ListDeliveriesRequest request);
  static absl::StatusOr<NamePage> Of(v1::ListNodesRequest request);
  static absl::StatusOr<NamePage> Of(v1::ListFilesRequest request);

  std::string Token(const std::string& name) const;

 private:
  template <typename Request>
  static absl::StatusOr<NamePage> Parse(Request& request);

  uint64_t fingerprint_ = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_PAGE_TOKEN_H_
