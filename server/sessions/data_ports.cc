#include "server/sessions/data_ports.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {

DataPorts::DataPorts(dataplane::Engine& engine, uint16_t first, uint16_t last)
    : engine_(engine),
      first_(first),
      last_(last),
      last_use_(last - first + size_t{1}) {
  for (uint32_t port = first; port <= last; ++port) {
    free_.emplace_hint(free_.end(), 0, static_cast<uint16_t>(port));
  }
}

void DataPorts::RememberUse(uint16_t port) {
  if (!IsOurs(port)) return;
  const bool is_free = free_.erase({LastUse(port), port}) > 0;
  LastUse(port) = ++uses_;
  if (is_free) free_.emplace(LastUse(port), port);
}

absl::StatusOr<std::shared_ptr<dataplane::Session>> DataPorts::Listen(
    dataplane::SessionOptions options,
    std::shared_ptr<dataplane::Source> source,
    std::shared_ptr<dataplane::SessionObserver> observer) {
  if (options.port != 0) {
    auto session = ListenOn(options, source, observer);
    if (!absl::IsAlreadyExists(session.status())) return session;
    return absl::FailedPreconditionError(absl::StrCat(
        "session.spec.listener.port: ", session.status().message()));
  }
  for (const auto& [use, port] : free_) {
    options.port = port;
    auto session = ListenOn(options, source, observer);
    // Another process may use the port.
    if (!absl::IsAlreadyExists(session.status())) return session;
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "no port is free in ", first_, "-", last_,
      "; end a session, or start the service with more --data-ports"));
}

absl::StatusOr<std::shared_ptr<dataplane::Session>> DataPorts::ListenOn(
    const dataplane::SessionOptions& options,
    const std::shared_ptr<dataplane::Source>& source,
    const std::shared_ptr<dataplane::SessionObserver>& observer) {
  auto session = engine_.CreateSession(options, source, observer);
  if (absl::IsInvalidArgument(session.status())) {
    return InvalidField("session.spec.listener.bind_address",
                        session.status().message());
  }
  if (session.ok()) {
    if (IsOurs(options.port)) {
      free_.erase({LastUse(options.port), options.port});
    }
    ++used_[options.port];
  }
  return session;
}

void DataPorts::Release(uint16_t port) {
  const auto used = used_.find(port);
  if (--used->second > 0) return;
  used_.erase(used);
  if (!IsOurs(port)) return;
  LastUse(port) = ++uses_;
  free_.emplace(LastUse(port), port);
}

std::vector<uint16_t> DataPorts::in_use() const {
  std::vector<uint16_t> ports;
  ports.reserve(used_.size());
  for (const auto& [port, sessions] : used_) ports.push_back(port);
  return ports;
}

}  // namespace tcptool::server
