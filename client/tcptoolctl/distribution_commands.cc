#include "client/tcptoolctl/distribution_commands.h"

#include <unistd.h>

#include <iostream>
#include <stop_token>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/tcptoolctl/distribution_text.h"
#include "client/tcptoolctl/distribution_watch.h"
#include "client/tcptoolctl/json.h"
#include "client/tcptoolctl/screen.h"
#include "client/tcptoolctl/upload_stdin.h"
#include "messages/distribution_states.h"
#include "text/characters.h"

namespace tcptool {
namespace {

std::string DistributionName(const std::string& name) {
  return IsDistribution(name) ? name : absl::StrCat("distributions/", name);
}

// `is_own`: as of UploadStdinToDistribution().
absl::Status UploadAndWatch(Client& client, const std::string& name,
                            bool is_own, const Options& options) {
  absl::Status uploaded;
  absl::Status watched;
  {
    const std::jthread upload([&](const std::stop_token& stop) {
      uploaded = UploadStdinToDistribution(client, name, is_own, stop);
      if (uploaded.ok() || absl::IsAborted(uploaded) || stop.stop_requested()) {
        return;
      }
      // The distribution's end, if it comes to one, does not say that.
      std::cerr << absl::StrCat("tcptoolctl: the upload: ",
                                Printable(uploaded.message()), "\n")
                << std::flush;
    });
    watched = WatchDistribution(client, name, options);
  }
  // If both failed, the distribution's end says more.
  return watched.ok() ? uploaded : watched;
}

// Whether standard input can be the content of a retry of the distribution.
absl::Status CheckStdinFor(const v1::Distribution& distribution) {
  const std::string& name = distribution.name();
  if (!distribution.spec().has_upload()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the source of ", name, " is no upload; leave --stdin out"));
  }
  if (distribution.counts().delivered() > 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the others have the content of ", name,
                     " from the nodes that have all of it; leave --stdin out"));
  }
  return absl::OkStatus();
}

absl::Status RetryUpload(Client& client, const Options& options) {
  absl::Status status = CheckStdin();
  if (!status.ok()) return status;
  const auto before = client.GetDistribution(options.name);
  if (!before.ok()) return before.status();
  status = CheckStdinFor(*before);
  if (!status.ok()) return status;
  // One that goes on may wait for an upload, or have one of somebody else's.
  const bool is_own = IsFinal(before->state());
  status = PrintDistribution(
      client.RetryDistribution(options.name, is_own ? before->etag() : ""),
      options);
  if (!status.ok()) return status;
  std::cout << std::flush;
  return options.retry.watch
             ? UploadAndWatch(client, options.name, is_own, options)
             : UploadStdinToDistribution(client, options.name, is_own, {});
}

}  // namespace

bool IsDistribution(const std::string& name) {
  return absl::StartsWith(name, "distributions/");
}

absl::Status PrintDistribution(
    const absl::StatusOr<v1::Distribution>& distribution,
    const Options& options) {
  if (!distribution.ok()) return distribution.status();
  std::cout << (IsJson(options) ? Json(*distribution) + "\n"
                                : DistributionDetails(*distribution));
  return absl::OkStatus();
}

absl::Status Distribute(Client& client, const Options& options) {
  const bool is_made = !options.distribute.request.validate_only();
  if (is_made && options.distribute.from_stdin) {
    if (absl::Status status = CheckStdin(); !status.ok()) return status;
  }
  const absl::StatusOr<v1::Distribution> distribution =
      client.CreateDistribution(options.distribute.request);
  if (!distribution.ok()) return distribution.status();
  if (!is_made) return PrintDistribution(distribution, options);
  if (IsJson(options)) {
    std::cout << Json(*distribution) << std::endl;
  } else {
    std::cout << "distribution: " << distribution->name() << std::endl;
  }
  const std::string& name = distribution->name();
  if (options.distribute.from_stdin) {
    // With an id of its own, the request may be one that was made before.
    const bool is_own = options.distribute.request.request_id().empty();
    return options.distribute.watch
               ? UploadAndWatch(client, name, is_own, options)
               : UploadStdinToDistribution(client, name, is_own, {});
  }
  if (!options.distribute.watch) return absl::OkStatus();
  return WatchDistribution(client, name, options);
}

absl::Status Distributions(Client& client, const Options& options) {
  const auto distributions =
      client.ListDistributions(DistributionsRequest(options.list));
  if (!distributions.ok()) return distributions.status();
  if (IsJson(options)) {
    v1::ListDistributionsResponse list;
    list.mutable_distributions()->Assign(distributions->begin(),
                                         distributions->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << DistributionTable(*distributions, absl::Now());
  }
  return absl::OkStatus();
}

absl::Status Deliveries(Client& client, const Options& options) {
  const auto deliveries = client.ListDeliveries(DistributionName(options.name));
  if (!deliveries.ok()) return deliveries.status();
  if (IsJson(options)) {
    v1::ListDeliveriesResponse list;
    list.mutable_deliveries()->Assign(deliveries->begin(), deliveries->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << DeliveryTable(*deliveries, ColumnsOf(STDOUT_FILENO));
  }
  return absl::OkStatus();
}

absl::Status RetryDistribution(Client& client, const Options& options) {
  if (!options.retry.request_id.empty()) {
    return absl::InvalidArgumentError(
        "--request-id is for sessions; leave it out");
  }
  if (options.retry.from_stdin) return RetryUpload(client, options);
  absl::Status status =
      PrintDistribution(client.RetryDistribution(options.name), options);
  if (!status.ok() || !options.retry.watch) return status;
  return WatchDistribution(client, options.name, options);
}

absl::Status Nodes(Client& client, const Options& options) {
  const auto nodes = client.ListNodes(options.list.nodes);
  if (!nodes.ok()) return nodes.status();
  if (IsJson(options)) {
    v1::ListNodesResponse list;
    list.mutable_nodes()->Assign(nodes->begin(), nodes->end());
    std::cout << Json(list) << '\n';
  } else {
    std::cout << FleetNodeTable(*nodes, ColumnsOf(STDOUT_FILENO));
  }
  return absl::OkStatus();
}

}  // namespace tcptool
