#include "server/http/fleet_pages.h"

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "server/http/delivery_page.h"
#include "server/http/distribution_page.h"
#include "server/http/distributions_page.h"
#include "server/http/nodes_page.h"

namespace tcptool::server {
namespace {

constexpr char kDeliveries[] = "/deliveries/";

void Give(const HttpRespond& respond, StatusContent content) {
  respond([content = std::move(content)] {
    return StatusDocument(content, /*has_fleet=*/true);
  });
}

}  // namespace

bool FleetPages::Has(absl::string_view path) {
  return path == "/nodes" || path == "/distributions" ||
         absl::StartsWith(path, "/distributions/");
}

template <typename Answer>
void FleetPages::Ask(Call<Answer> call, Page<Answer> page,
                     const HttpRespond& respond) const {
  const bool is_taken =
      turns_->Take([call = std::move(call), page = std::move(page),
                    respond](const Turns::Turn& turn) {
        call([page, respond, turn](absl::StatusOr<Answer> answer) {
          // Large, and kept in one copy until the page is made.
          const auto kept =
              std::make_shared<const absl::StatusOr<Answer>>(std::move(answer));
          respond([page, kept, turn] {
            return StatusDocument(
                kept->ok() ? page(**kept) : ErrorContent(kept->status()),
                /*has_fleet=*/true);
          });
        });
      });
  if (!is_taken) {
    Give(respond, ErrorContent(absl::UnavailableError(
                      "too many look at the fleet's pages; try again")));
  }
}

void FleetPages::Get(const HttpRequest& request,
                     const HttpRespond& respond) const {
  if (request.path == "/distributions") {
    return Give(respond, DistributionsPage(distributions_.table(), request));
  }
  // Not `this`, which may be gone when the turn comes.
  fleet::Distributions* const distributions = &distributions_;
  if (request.path == "/nodes") {
    v1::ListNodesRequest list;
    list.set_page_size(kNodesOnPage);
    list.set_page_token(PageToken(request));
    return Ask<v1::ListNodesResponse>(
        [distributions, list](auto done) {
          distributions->ListNodes(list, std::move(done));
        },
        [fleet_name = fleet_name_, request](const auto& nodes) {
          return NodesPage(fleet_name, nodes, request);
        },
        respond);
  }
  const std::string name = request.path.substr(1);
  const std::string distribution = name.substr(0, name.find(kDeliveries));
  const bool is_delivery = distribution.size() < name.size();
  Ask<fleet::DistributionOverview>(
      [distributions, distribution](auto done) {
        distributions->GetOverview(distribution, std::move(done));
      },
      [request, name, is_delivery](const auto& overview) {
        return is_delivery ? DeliveryPage(overview, name)
                           : DistributionPage(overview, request);
      },
      respond);
}

}  // namespace tcptool::server
