// Checks of the filters of lists and watches (filters.proto).
#ifndef TCPTOOL_SERVER_API_FILTER_CHECKS_H_
#define TCPTOOL_SERVER_API_FILTER_CHECKS_H_

#include "server/api/invalid_field.h"
#include "tcptool/v1/filters.pb.h"

namespace tcptool::server {

// Each adds what is wrong with the filter, which is the request's field of its
// type's name: "session_filter.name_prefix".
void CheckFilter(const v1::SessionFilter& filter, InvalidFields& wrong);
void CheckFilter(const v1::RecipientFilter& filter, InvalidFields& wrong);
void CheckFilter(const v1::ReceptionFilter& filter, InvalidFields& wrong);
void CheckFilter(const v1::DistributionFilter& filter, InvalidFields& wrong);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_FILTER_CHECKS_H_
