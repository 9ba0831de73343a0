// The style sheet and the script of the status page: status.css and status.js,
// which the build puts into the program.
#ifndef TCPTOOL_SERVER_HTTP_STATUS_PAGE_FILES_H_
#define TCPTOOL_SERVER_HTTP_STATUS_PAGE_FILES_H_

#include "absl/strings/string_view.h"

namespace tcptool::server {

extern const absl::string_view kStatusCss;
extern const absl::string_view kStatusJs;

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_STATUS_PAGE_FILES_H_
