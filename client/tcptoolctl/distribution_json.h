// A distribution's tree for programs. A pure function.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_JSON_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_JSON_H_

#include <map>
#include <string>

#include "client/tcptoolctl/distribution_tree.h"

namespace tcptool {

// What the tree shows of each node, by its name: an object of one line, without
// its end,
//   {"node":"node2","rack":"r1","percentDone":37,"secondsLeft":3,"delivery":{}}
// where `delivery` is the v1::Delivery as JSON. Left out are: `rack` while it
// is not known, `percentDone` and `secondsLeft` likewise, and `delivery` of the
// node that has the file.
std::map<std::string, std::string> TreeJson(const DistributionPicture& picture);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_DISTRIBUTION_JSON_H_
