#include "dataplane/lanes/route.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "absl/strings/str_format.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::dataplane {
namespace {

// An address as netlink wants it.
struct Address {
  unsigned char family = AF_UNSPEC;
  std::span<const unsigned char> bytes;
  uint32_t scope = 0;  // Of a link-local IPv6 address: its device.
};

Address AddressOf(const sockaddr_storage& storage) {
  constexpr size_t kMappedPrefix = 12;  // Bytes of ::ffff:0:0/96.
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    return {AF_INET,
            {reinterpret_cast<const unsigned char*>(&v4.sin_addr),
             sizeof v4.sin_addr}};
  }
  if (storage.ss_family != AF_INET6) return {};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  const std::span<const unsigned char> bytes(v6.sin6_addr.s6_addr);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return {AF_INET, bytes.subspan(kMappedPrefix)};
  }
  return {AF_INET6, bytes, v6.sin6_scope_id};
}

// RTM_GETROUTE, with its attributes behind it.
struct Request {
  nlmsghdr header{};
  rtmsg route{};
  std::array<unsigned char, 64> attributes{};

  void Add(uint16_t type, std::span<const unsigned char> value) {
    rtattr attribute{};
    attribute.rta_type = type;
    attribute.rta_len = RTA_LENGTH(value.size());
    unsigned char* const to = attributes.data() + used_;
    std::memcpy(to, &attribute, sizeof attribute);
    std::ranges::copy(value, to + RTA_LENGTH(0));
    used_ += RTA_SPACE(value.size());
    header.nlmsg_len = NLMSG_LENGTH(sizeof route) + used_;
  }

 private:
  size_t used_ = 0;
};

// What besides the addresses decides a socket's route (socket(7)).
struct Policy {
  uint32_t device = 0;  // That it is bound to, or its VRF. 0: none.
  uint32_t mark = 0;
};

std::optional<uint32_t> Option(int socket, int option) {
  uint32_t value = 0;
  socklen_t size = sizeof value;
  if (getsockopt(socket, SOL_SOCKET, option, &value, &size) < 0) return {};
  return value;
}

std::optional<Policy> PolicyOf(int socket) {
  const std::optional<uint32_t> device = Option(socket, SO_BINDTOIFINDEX);
  const std::optional<uint32_t> mark = Option(socket, SO_MARK);
  if (!device || !mark) return {};
  return Policy{.device = *device, .mark = *mark};
}

std::span<const unsigned char> BytesOf(const uint32_t& value) {
  return {reinterpret_cast<const unsigned char*>(&value), sizeof value};
}

Request MakeRequest(const Address& local, const Address& peer,
                    const Policy& policy) {
  constexpr int kBits = 8;
  Request request;
  request.header.nlmsg_type = RTM_GETROUTE;
  request.header.nlmsg_flags = NLM_F_REQUEST;
  request.route.rtm_family = peer.family;
  request.route.rtm_dst_len = peer.bytes.size() * kBits;
  request.route.rtm_src_len = local.bytes.size() * kBits;
  request.Add(RTA_DST, peer.bytes);
  request.Add(RTA_SRC, local.bytes);
  // A link-local address is of its device, in a VRF or not.
  const uint32_t device = peer.scope != 0 ? peer.scope : policy.device;
  if (device != 0) request.Add(RTA_OIF, BytesOf(device));
  if (policy.mark != 0) request.Add(RTA_MARK, BytesOf(policy.mark));
  return request;
}

// The index of the route's device. None: it is no route to another host.
std::optional<int> ParseAnswer(std::span<const unsigned char> answer) {
  nlmsghdr header{};
  rtmsg route{};
  if (answer.size() < NLMSG_LENGTH(sizeof route)) return {};
  std::memcpy(&header, answer.data(), sizeof header);
  std::memcpy(&route, answer.data() + NLMSG_HDRLEN, sizeof route);
  if (header.nlmsg_type != RTM_NEWROUTE || header.nlmsg_len > answer.size() ||
      route.rtm_type != RTN_UNICAST) {
    return {};
  }
  answer = answer.first(header.nlmsg_len);
  size_t at = NLMSG_SPACE(sizeof route);
  while (at + sizeof(rtattr) <= answer.size()) {
    rtattr attribute{};
    std::memcpy(&attribute, answer.data() + at, sizeof attribute);
    if (attribute.rta_len < RTA_LENGTH(0) ||
        attribute.rta_len > answer.size() - at) {
      return {};
    }
    int device = 0;
    if (attribute.rta_type == RTA_OIF &&
        attribute.rta_len == RTA_LENGTH(sizeof device)) {
      std::memcpy(&device, answer.data() + at + RTA_LENGTH(0), sizeof device);
      return device;
    }
    at += RTA_ALIGN(attribute.rta_len);
  }
  return {};
}

std::optional<int> Ask(const Request& request) {
  constexpr size_t kMaxAnswer = 8192;
  const UniqueFd netlink(
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (netlink.get() < 0 ||
      send(netlink.get(), &request, request.header.nlmsg_len, 0) < 0) {
    return {};
  }
  // The kernel has answered within the call.
  std::array<unsigned char, kMaxAnswer> answer;
  const ssize_t got =
      recv(netlink.get(), answer.data(), answer.size(), MSG_DONTWAIT);
  if (got < 0) return {};
  return ParseAnswer(std::span(answer).first(got));
}

// The socket is any of the device's network namespace.
std::optional<NetworkDevice> Describe(int socket, int index) {
  ifreq request{};
  request.ifr_ifindex = index;
  if (ioctl(socket, SIOCGIFNAME, &request) < 0) return {};
  NetworkDevice device{.name = request.ifr_name, .index = index};
  if (ioctl(socket, SIOCGIFHWADDR, &request) < 0) return {};
  std::array<uint8_t, 6> address;
  std::memcpy(address.data(), request.ifr_hwaddr.sa_data, address.size());
  device.address =
      absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", address[0], address[1],
                      address[2], address[3], address[4], address[5]);
  return device;
}

std::optional<sockaddr_storage> PeerOf(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) < 0) {
    return {};
  }
  return peer;
}

// What has to be said, and asked for, to get a control message with an Info.
struct PacketInfo {
  int level;
  int enable;
  int get;
};
constexpr PacketInfo kIpv4Info = {IPPROTO_IP, IP_PKTINFO, IP_PKTOPTIONS};
constexpr PacketInfo kIpv6Info = {IPPROTO_IPV6, IPV6_2292PKTINFO,
                                  IPV6_2292PKTOPTIONS};

template <typename Info>
std::optional<Info> Get(int socket, const PacketInfo& names) {
  int on = 1;
  if (setsockopt(socket, names.level, names.enable, &on, sizeof on) < 0) {
    return {};
  }
  alignas(cmsghdr) std::array<unsigned char, 256> control{};
  socklen_t size = control.size();
  const bool answered =
      getsockopt(socket, names.level, names.get, control.data(), &size) == 0;
  on = 0;
  setsockopt(socket, names.level, names.enable, &on, sizeof on);
  cmsghdr header{};
  if (!answered || size < CMSG_LEN(sizeof(Info))) return {};
  std::memcpy(&header, control.data(), sizeof header);
  if (header.cmsg_level != names.level || header.cmsg_type != names.enable ||
      header.cmsg_len != CMSG_LEN(sizeof(Info))) {
    return {};
  }
  Info info{};
  std::memcpy(&info, control.data() + CMSG_LEN(0), sizeof info);
  return info;
}

}  // namespace

std::optional<NetworkDevice> DeviceOfArrival(int socket) {
  const auto peer = PeerOf(socket);
  if (!peer) return {};
  if (AddressOf(*peer).family == AF_INET) {
    const auto info = Get<in_pktinfo>(socket, kIpv4Info);
    if (!info) return {};
    return Describe(socket, info->ipi_ifindex);
  }
  const auto info = Get<in6_pktinfo>(socket, kIpv6Info);
  if (!info) return {};
  return Describe(socket, static_cast<int>(info->ipi6_ifindex));
}

std::optional<NetworkDevice> DeviceOfRoute(int socket) {
  sockaddr_storage local{};
  socklen_t local_size = sizeof local;
  const auto peer = PeerOf(socket);
  if (!peer || getsockname(socket, reinterpret_cast<sockaddr*>(&local),
                           &local_size) < 0) {
    return {};
  }
  const Address from = AddressOf(local);
  const Address to = AddressOf(*peer);
  if (to.family == AF_UNSPEC || from.family != to.family) return {};
  const std::optional<Policy> policy = PolicyOf(socket);
  if (!policy) return {};
  const std::optional<int> index = Ask(MakeRequest(from, to, *policy));
  if (!index) return {};
  return Describe(socket, *index);
}

}  // namespace tcptool::dataplane
