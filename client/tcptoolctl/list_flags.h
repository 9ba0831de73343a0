// The flags of the commands that list, as the requests that they describe.
#ifndef TCPTOOL_CLIENT_TCPTOOLCTL_LIST_FLAGS_H_
#define TCPTOOL_CLIENT_TCPTOOLCTL_LIST_FLAGS_H_

#include <CLI/App.hpp>

#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/filters.pb.h"
#include "tcptool/v1/reception_service.pb.h"
#include "tcptool/v1/session_service.pb.h"

namespace tcptool {

// Of one command: of the requests the one is used that is of its kind.
struct ListFlags {
  // --since and --until: of the end with --failed, of the beginning otherwise.
  v1::TimeRange time;
  bool failed = false;
  // What the other flags say.
  v1::ListSessionsRequest sessions;
  v1::ListRecipientsRequest recipients;
  v1::ListReceptionsRequest receptions;
  v1::ListDistributionsRequest distributions;
  v1::ListNodesRequest nodes;
};

// Each adds flags to `command`, whose parsing sets `flags`, which must outlive
// it.
void AddSessionListFlags(CLI::App& command, ListFlags& flags);
void AddRecipientListFlags(CLI::App& command, ListFlags& flags);
void AddReceptionListFlags(CLI::App& command, ListFlags& flags);
void AddDistributionListFlags(CLI::App& command, ListFlags& flags);
// These have no time: `flags.nodes` has all that they say.
void AddNodeListFlags(CLI::App& command, ListFlags& flags);

// What all flags say.
v1::ListSessionsRequest SessionsRequest(const ListFlags& flags);
v1::ListRecipientsRequest RecipientsRequest(const ListFlags& flags);
v1::ListReceptionsRequest ReceptionsRequest(const ListFlags& flags);
v1::ListDistributionsRequest DistributionsRequest(const ListFlags& flags);

}  // namespace tcptool

#endif  // TCPTOOL_CLIENT_TCPTOOLCTL_LIST_FLAGS_H_
