#include "server/sessions/data_ports.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/session/listener.h"
#include "server/api/errors.h"
#include "server/api/invalid_field.h"

namespace tcptool::server {
namespace {

absl::Status PortInUse(const absl::Status& status) {
  constexpr absl::string_view kField = "session.spec.listener.port";
  return FailedPrecondition(v1::ERROR_REASON_PORT_IN_USE, kField,
                            absl::StrCat(kField, ": ", status.message()));
}

// The error with its reason, or with the field that it is about.
absl::Status ListenError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return InvalidField("session.spec.listener.bind_address",
                          status.message());
    case absl::StatusCode::kResourceExhausted:
      return Exhausted(v1::ERROR_REASON_SYSTEM_LIMIT, "descriptors",
                       status.message());
    case absl::StatusCode::kPermissionDenied:
      return WithReason(status, v1::ERROR_REASON_SYSTEM_DENIES);
    default:
      return status;
  }
}

}  // namespace

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
    return PortInUse(session.status());
  }
  for (const auto& [use, port] : free_) {
    options.port = port;
    auto session = ListenOn(options, source, observer);
    // Another process may use the port.
    if (!absl::IsAlreadyExists(session.status())) return session;
  }
  return NoneIsFree();
}

absl::Status DataPorts::Check(const dataplane::SessionOptions& options) const {
  const auto check = [&options](uint16_t port) {
    return ListenError(
        dataplane::Listener::Check({options.bind_address, port}));
  };
  if (options.port != 0) {
    absl::Status status = check(options.port);
    return absl::IsAlreadyExists(status) ? PortInUse(status) : status;
  }
  for (const auto& [use, port] : free_) {
    absl::Status status = check(port);
    if (!absl::IsAlreadyExists(status)) return status;
  }
  return NoneIsFree();
}

absl::Status DataPorts::NoneIsFree() const {
  return Exhausted(
      v1::ERROR_REASON_NO_PORT_FREE, "data ports",
      absl::StrCat(
          "no port is free in ", first_, "-", last_,
          "; end a session, or start the service with more --data-ports"));
}

absl::StatusOr<std::shared_ptr<dataplane::Session>> DataPorts::ListenOn(
    const dataplane::SessionOptions& options,
    const std::shared_ptr<dataplane::Source>& source,
    const std::shared_ptr<dataplane::SessionObserver>& observer) {
  auto session = engine_.CreateSession(options, source, observer);
  if (!session.ok()) return ListenError(session.status());
  if (IsOurs(options.port)) {
    free_.erase({LastUse(options.port), options.port});
  }
  ++used_[options.port];
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
