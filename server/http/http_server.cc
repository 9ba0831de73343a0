#include "server/http/http_server.h"

#include <civetweb.h>

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"

namespace tcptool::server {
namespace {

// Pages show what others have written: nothing in them may run, load or frame
// anything but what this server has.
constexpr absl::string_view kHeaders =
    "Connection: close\r\n"
    "Cache-Control: no-store\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; "
    "style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Content-Type-Options: nosniff\r\n";

int LogMessage(const mg_connection*, const char* message) {
  LogDebug("http", {{"message", message}});
  return 1;  // Nothing is left to do for the library.
}

}  // namespace

std::string HttpRequest::Parameter(const std::string& name) const {
  std::array<char, 1024> value;
  const int size = mg_get_var(query.data(), query.size(), name.c_str(),
                              value.data(), value.size());
  return size < 0 ? "" : std::string(value.data(), size);
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& address, Handler handler) {
  const std::string threads = absl::StrCat(kThreads);
  const std::string queue = absl::StrCat(kQueue);
  const std::string size = absl::StrCat(kMaxRequestBytes);
  const std::string timeout = absl::StrCat(kTimeoutSeconds * 1000);
  std::array<const char*, 15> options = {"listening_ports",
                                         address.c_str(),
                                         "num_threads",
                                         threads.c_str(),
                                         "connection_queue",
                                         queue.c_str(),
                                         "max_request_size",
                                         size.c_str(),
                                         "request_timeout_ms",
                                         timeout.c_str(),
                                         "enable_auth_domain_check",
                                         "no",
                                         "enable_keep_alive",
                                         "no",
                                         nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &OnRequest;
  callbacks.log_message = &LogMessage;

  std::unique_ptr<HttpServer> server(new HttpServer(std::move(handler)));
  mg_init_data init{.callbacks = &callbacks,
                    .user_data = server.get(),
                    .configuration_options = options.data()};
  std::array<char, 256> why{};
  unsigned code = 0;
  mg_error_data error{
      .code = &code, .text = why.data(), .text_buffer_size = why.size()};
  server->context_ = mg_start2(&init, &error);
  mg_server_port port{};
  if (server->context_ == nullptr ||
      mg_get_server_ports(server->context_, 1, &port) != 1) {
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address,
        ": the port is in use or the address is not this host's; choose "
        "another --http-address (",
        why.data(), ")"));
  }
  server->address_ =
      absl::StrCat(address.substr(0, address.rfind(':')), ":", port.port);
  return server;
}

HttpServer::~HttpServer() {
  if (context_ != nullptr) mg_stop(context_);
}

HttpResponse HttpServer::Answer(const mg_connection* connection) const {
  const mg_request_info& info = *mg_get_request_info(connection);
  const absl::string_view method = info.request_method;
  if (method != "GET" && method != "HEAD") {
    return {.status = 405, .body = "This server answers GET and HEAD.\n"};
  }
  return handler_(
      {.path = info.local_uri != nullptr ? info.local_uri : "/",
       .query = info.query_string != nullptr ? info.query_string : ""});
}

int HttpServer::OnRequest(mg_connection* connection) {
  const mg_request_info& info = *mg_get_request_info(connection);
  const HttpResponse response =
      static_cast<const HttpServer*>(info.user_data)->Answer(connection);
  // Otherwise the library waits for the rest of a body that nobody wants.
  mg_disable_connection_keep_alive(connection);
  std::string text = absl::StrCat(
      "HTTP/1.1 ", response.status, " ",
      mg_get_response_code_text(connection, response.status), "\r\n", kHeaders,
      "Content-Type: ", response.content_type,
      "\r\nContent-Length: ", response.body.size(), "\r\n",
      response.status == 405 ? "Allow: GET, HEAD\r\n" : "", "\r\n");
  if (absl::string_view(info.request_method) != "HEAD") text += response.body;
  mg_write(connection, text.data(), text.size());
  return response.status;
}

}  // namespace tcptool::server
