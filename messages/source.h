// Where a reception's content comes from, in words.
#ifndef TCPTOOL_MESSAGES_SOURCE_H_
#define TCPTOOL_MESSAGES_SOURCE_H_

#include <string>

#include "tcptool/v1/reception.pb.h"

namespace tcptool {

// "sender:9876", "node-1:9877/sessions/image", "upload"; empty if there is
// none.
std::string SourceText(const v1::ReceptionSpec& spec);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_SOURCE_H_
