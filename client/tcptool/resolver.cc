#include "client/tcptool/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

namespace tcptool::client {
namespace {

using Endpoints = std::vector<asio::ip::tcp::endpoint>;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

absl::StatusOr<Endpoints> ResolveNow(const std::string& host,
                                     const std::string& port) {
  const addrinfo hints = {.ai_flags = AI_NUMERICSERV,
                          .ai_family = AF_UNSPEC,
                          .ai_socktype = SOCK_STREAM};
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  if (error == EAI_MEMORY) throw std::bad_alloc();
  if (error != 0) {
    return absl::NotFoundError(error == EAI_SYSTEM
                                   ? std::generic_category().message(errno)
                                   : gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(list);
  Endpoints endpoints;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (one->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), one->ai_addr, one->ai_addrlen);
    endpoint.resize(one->ai_addrlen);
    endpoints.push_back(endpoint);
  }
  if (endpoints.empty()) return absl::NotFoundError("it has no IP address");
  return endpoints;
}

}  // namespace

absl::StatusOr<Endpoints> Resolve(
    const std::string& host, const std::string& port,
    std::chrono::steady_clock::time_point deadline) {
  std::promise<absl::StatusOr<Endpoints>> promise;
  std::future<absl::StatusOr<Endpoints>> result = promise.get_future();
  std::thread([promise = std::move(promise), host, port]() mutable {
    promise.set_value(ResolveNow(host, port));
  }).detach();
  if (deadline == std::chrono::steady_clock::time_point::max()) {
    result.wait();
  } else if (result.wait_until(deadline) == std::future_status::timeout) {
    return absl::DeadlineExceededError("the name service does not answer");
  }
  return result.get();
}

}  // namespace tcptool::client
