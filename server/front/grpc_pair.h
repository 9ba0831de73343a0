// The pair of Unix sockets that stands for a client's connection to gRPC.
#ifndef TCPTOOL_SERVER_FRONT_GRPC_PAIR_H_
#define TCPTOOL_SERVER_FRONT_GRPC_PAIR_H_

#include <string>

#include "absl/strings/string_view.h"
#include "dataplane/base/unique_fd.h"

namespace tcptool::server {

struct GrpcPair {
  dataplane::UniqueFd ours;
  dataplane::UniqueFd grpcs;
  std::string name;  // gRPC's name of the peer that we are.
};

// For a client at `address`, as gRPC writes addresses. A pair without a
// descriptor has errno. No other pair ever has its name.
GrpcPair NewGrpcPair(absl::string_view address);

// The address that is in such a name; what is no such name is an address.
std::string AddressIn(absl::string_view name);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_GRPC_PAIR_H_
