#include "dataplane/dialing/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

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

void Resolve(const std::string& host, const std::string& port,
             absl::AnyInvocable<void(absl::StatusOr<Endpoints>)> done) {
  const auto answer = std::make_shared<decltype(done)>(std::move(done));
  try {
    std::thread([answer, host, port] {
      (*answer)(ResolveNow(host, port));
    }).detach();
  } catch (const std::system_error& error) {
    (*answer)(absl::ResourceExhaustedError(absl::StrCat(
        "there is no thread to look it up: ", error.code().message(),
        "; raise the limit of tasks")));
  }
}

}  // namespace tcptool::dataplane
