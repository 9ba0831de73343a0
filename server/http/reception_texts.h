// What the status page says of a reception, on its own page and in the list.
#ifndef TCPTOOL_SERVER_HTTP_RECEPTION_TEXTS_H_
#define TCPTOOL_SERVER_HTTP_RECEPTION_TEXTS_H_

#include <string>

#include "tcptool/v1/reception.pb.h"

namespace tcptool::server {

// All functions return HTML, unless they say otherwise.

// The bytes that have come, as a part of the content's.
std::string ProgressOf(const v1::Reception& reception);

// "192.0.2.1:9876".
std::string SourceOf(const v1::Reception& reception);

// "disk: base.img".
std::string DestinationOf(const v1::Reception& reception);

// "CONNECTION_LOST: the connection was ..."; plain text. Empty if there is
// nothing to be said.
std::string WhyOf(const v1::Reception& reception);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_RECEPTION_TEXTS_H_
