#include "server/fleet/membership/registration.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/fleet/membership/life_sign.h"
#include "server/fleet/state/values.h"

namespace tcptool::fleet {
namespace {

absl::Status NameIsTaken(const std::string& name, const std::string& value) {
  v1::Node other;
  return absl::AlreadyExistsError(absl::StrCat(
      "a node '", name, "' is registered in the fleet already",
      ParseValue(value, other)
          ? absl::StrCat(", with the peer address ", other.peer_address())
          : "",
      ": give each node a name of its own; if it is an earlier run of this "
      "node, wait until its lease has run out"));
}

bool IsLeft(const std::string& value) {
  v1::Node other;
  return ParseValue(value, other) && LifeSign::IsGone(other.life_sign());
}

}  // namespace

Registration::Registration(const asio::any_io_executor& executor,
                           EtcdCalls* etcd, const FleetKeys& keys,
                           const std::string& name, const v1::Node& node,
                           Events events)
    : key_(executor, etcd,
           {.key = keys.Node(name),
            .value = node.SerializeAsString(),
            .is_left = IsLeft},
           {.held = std::move(events.registered),
            .lost = std::move(events.lost),
            .taken =
                [name, refused = std::move(events.refused)](
                    const std::string& value) {
                  refused(NameIsTaken(name, value));
                },
            .trouble = std::move(events.trouble)}) {}

}  // namespace tcptool::fleet
