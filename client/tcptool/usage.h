// What --help says.
#ifndef TCPTOOL_CLIENT_TCPTOOL_USAGE_H_
#define TCPTOOL_CLIENT_TCPTOOL_USAGE_H_

namespace tcptool::client {

extern const char kUsage[];

}  // namespace tcptool::client

#endif  // TCPTOOL_CLIENT_TCPTOOL_USAGE_H_
