// Messages as bytes that can be compared.
#ifndef TCPTOOL_SERVER_API_DETERMINISTIC_H_
#define TCPTOOL_SERVER_API_DETERMINISTIC_H_

#include <google/protobuf/message_lite.h>

#include <string>

namespace tcptool::server {

// The same bytes for equal messages, whatever the order of their maps' entries.
std::string SerializeDeterministically(
    const google::protobuf::MessageLite& message);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_API_DETERMINISTIC_H_
