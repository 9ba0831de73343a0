#include "server/http/http_server.h"

#include <algorithm>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "dataplane/base/descriptor_reserve.h"
#include "dataplane/base/dual_stack.h"
#include "server/base/log.h"
#include "text/host_port.h"

namespace tcptool::server {
namespace {

using asio::ip::tcp;

// The interval of trying to accept again when there was no descriptor.
constexpr std::chrono::milliseconds kRetryTime(100);

// At most a quarter of what the data plane leaves: the control port takes half,
// and the rest is for files and for the state.
HttpLimits WithinReserve(HttpLimits limits) {
  const int reserve = dataplane::DescriptorReserve::Now().reserve;
  const auto share = static_cast<size_t>(std::max(reserve / 4, 1));
  limits.max_connections = std::min(limits.max_connections, share);
  return limits;
}

// Has what `handler` answers made and given on the thread of `context`, for as
// long as that is there.
HttpHandler AnsweredOn(const std::shared_ptr<asio::io_context>& context,
                       HttpHandler handler) {
  return [weak = std::weak_ptr<asio::io_context>(context),
          handler = std::move(handler)](const HttpRequest& request,
                                        HttpRespond respond) {
    handler(request, [weak, respond = std::move(respond)](
                         std::function<HttpResponse()> make) {
      const std::shared_ptr<asio::io_context> there = weak.lock();
      if (there == nullptr) return;
      asio::dispatch(*there, [respond, make = std::move(make)]() mutable {
        respond(std::move(make));
      });
    });
  };
}

// Parses "127.0.0.1:9874" or "[::1]:9874".
tcp::endpoint ParseEndpoint(const std::string& address,
                            std::error_code& error) {
  const std::optional<HostPort> parsed = ParseHostPort(address);
  if (!parsed) {
    error = asio::error::invalid_argument;
    return {};
  }
  return {asio::ip::make_address(parsed->host, error), parsed->port};
}

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& address, HttpHandler handler, HttpLimits limits,
    HttpServed served) {
  auto server = absl::WrapUnique(
      new HttpServer(std::move(handler), WithinReserve(limits), served));
  if (absl::Status status = server->Listen(address); !status.ok()) {
    return status;
  }
  server->Accept();
  server->thread_ =
      std::thread([context = server->context_] { context->run(); });
  return server;
}

HttpServer::HttpServer(HttpHandler handler, HttpLimits limits,
                       HttpServed served)
    : limits_(limits),
      handler_(AnsweredOn(context_, std::move(handler))),
      tls_(served.tls),
      share_{.api = served.api,
             .context = context_,
             // Pages have the others.
             .max_calls = std::max(limits.max_connections / 2, size_t{1}),
             .reserved_calls = limits.max_connections / 8} {}

HttpServer::~HttpServer() {
  context_->stop();
  if (thread_.joinable()) thread_.join();
}

void HttpServer::WaitUntilAnswered(std::chrono::milliseconds limit) {
  const auto answered = std::make_shared<std::promise<void>>();
  asio::post(*context_, [this, answered] {
    if (share_.unanswered == 0) return answered->set_value();
    share_.when_answered = [answered] { answered->set_value(); };
  });
  answered->get_future().wait_for(limit);
}

absl::Status HttpServer::Listen(const std::string& address) {
  std::error_code error;
  tcp::endpoint endpoint = ParseEndpoint(address, error);
  if (!error) dataplane::OpenDualStack(acceptor_, endpoint, error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", address, ": ", error.message(),
                     "; choose another --http-address"));
  }
  address_ = JoinHostPort(ParseHostPort(address)->host,
                          acceptor_.local_endpoint(error).port());
  return absl::OkStatus();
}

void HttpServer::Accept() {
  acceptor_.async_accept([this](std::error_code error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (!error) {
      Serve(std::move(socket));
      return Accept();
    }
    if (error == asio::error::connection_aborted) return Accept();
    // No descriptor, or no memory, for now: the connection waits in the kernel.
    LogDebug("http", {{"message", error.message()}});
    CloseOldest();
    retry_.expires_after(kRetryTime);
    retry_.async_wait([this](std::error_code cancelled) {
      if (!cancelled) Accept();
    });
  });
}

void HttpServer::Serve(tcp::socket socket) {
  if (connections_.size() >= limits_.max_connections) CloseOldest();
  const auto place = connections_.emplace(connections_.end());
  *place = std::make_shared<HttpConnection>(
      std::move(socket), limits_, handler_, share_, tls_,
      [this, place] { connections_.erase(place); });
  (*place)->Start();
}

void HttpServer::CloseOldest() {
  const auto oldest =
      std::ranges::find_if_not(connections_, &HttpConnection::has_call);
  if (oldest == connections_.end()) return;
  // Abort() removes it from the list.
  const std::shared_ptr<HttpConnection> connection = *oldest;
  connection->Abort();
}

}  // namespace tcptool::server
