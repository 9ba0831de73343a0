// What clients of an HTTP server do by plain sockets.
#ifndef TCPTOOL_TESTS_SERVER_HTTP_CLIENTS_H_
#define TCPTOOL_TESTS_SERVER_HTTP_CLIENTS_H_

#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <chrono>
#include <string>
#include <system_error>

#include "server/http/http_server.h"

namespace tcptool::server {

// Longer than any test takes: what ends earlier has another cause.
inline HttpLimits PatientLimits() {
  constexpr std::chrono::minutes kLong(5);
  return {.max_connections = 4,
          .request_time = kLong,
          .response_time = kLong,
          .idle_time = kLong,
          .body_time = kLong,
          .take_time = kLong};
}

// To a server on loopback.
inline asio::ip::tcp::socket ConnectTo(const HttpServer& server,
                                       asio::io_context& context) {
  const std::string& address = server.address();
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  asio::ip::tcp::socket socket(context);
  socket.connect(
      {asio::ip::address_v4::loopback(), static_cast<unsigned short>(port)});
  return socket;
}

// What the server says until it ends the connection.
inline std::string ReadToEnd(asio::ip::tcp::socket& socket) {
  std::string text;
  std::error_code end;
  asio::read(socket, asio::dynamic_buffer(text), end);
  return text;
}

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_HTTP_CLIENTS_H_
