// What the clients of the HTTP server may use.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_LIMITS_H_
#define TCPTOOL_SERVER_HTTP_HTTP_LIMITS_H_

#include <chrono>
#include <cstddef>

namespace tcptool::server {

struct HttpLimits {
  // A quarter of the reserve of descriptors (DescriptorReserve), if that is
  // less. Half of them may have calls of the API.
  size_t max_connections = 256;
  size_t max_request_bytes = 16'384;  // Of a request's head.
  // From the connection to the end of the request's head.
  std::chrono::milliseconds request_time = std::chrono::seconds(5);
  // From the request until the client, having read the response, has closed its
  // end of the connection.
  std::chrono::milliseconds response_time = std::chrono::seconds(10);

  // Of calls of the API; but those that anybody may make have response_time for
  // their bodies, and no next one.
  // From an answer to the end of the next request's head.
  std::chrono::milliseconds idle_time = std::chrono::seconds(60);
  // For the body to come.
  std::chrono::milliseconds body_time = std::chrono::seconds(60);
  // For the client to take something of what it is sent.
  std::chrono::milliseconds take_time = std::chrono::seconds(30);
  // Of all bodies that are coming, or that calls have not parsed.
  size_t max_body_bytes = size_t{64} << 20;
  // Of the body of a call that viewers may make. The largest request that any
  // of them can use has some 100 KiB; and with all calls that they may have,
  // they leave room for those of operators.
  size_t max_viewer_body_bytes = size_t{256} << 10;
  // Of that of a call that anybody may make: of a health check.
  size_t max_open_body_bytes = 1024;
  // Of all answers, or parts of them, that clients have not taken in full. Of
  // more, what has waited for the longest is given up.
  size_t max_unread_bytes = size_t{128} << 20;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_LIMITS_H_
