// What the status page says of a session, on its own page and in the list.
#ifndef TCPTOOL_SERVER_HTTP_SESSION_TEXTS_H_
#define TCPTOOL_SERVER_HTTP_SESSION_TEXTS_H_

#include <string>

#include "tcptool/v1/session.pb.h"

namespace tcptool::server {

// All functions return HTML.

// The bytes acknowledged, as a part of what all recipients are to get.
std::string ProgressOf(const v1::Session& session);

// "images: base.img".
std::string SourceOf(const v1::Session& session);

// "3 of 5 delivered, 1 failed".
std::string CountsOf(const v1::Session& session);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_SESSION_TEXTS_H_
