// A distribution's targets, summed by rack.
#ifndef TCPTOOL_SERVER_HTTP_RACK_SUMS_H_
#define TCPTOOL_SERVER_HTTP_RACK_SUMS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages/delivery_progress.h"
#include "server/fleet/service/distribution_overview.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool::server {

struct RackSum {
  std::string name;  // For people: "rack r1", or which racks it stands for.
  bool has_source = false;
  v1::DeliveryCounts counts;
  int64_t slow = 0;
  int64_t moved = 0;
  // Of those of its nodes of which it is known.
  ProgressTexts progress;
  // Where in the sums is the rack from which most of those of its nodes receive
  // that receive from another rack.
  std::optional<size_t> parent;
};

// The rack of the source first, then by their names; nodes that are not there
// are together, as their racks are not known. At most `most` racks: those with
// something that has failed, is slow or has moved, and large ones, before
// others, whose sum is the last one. At least one.
std::vector<RackSum> SumByRack(const fleet::DistributionOverview& overview,
                               size_t most);

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_RACK_SUMS_H_
