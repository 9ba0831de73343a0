#include "server/http/nodes_page.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "server/http/html.h"

namespace tcptool::server {
namespace {

// Sorted: a map's order is another one each time.
std::string LabelsOf(const v1::FleetNode& node) {
  const std::map<std::string, std::string> labels(node.labels().begin(),
                                                  node.labels().end());
  std::string html;
  for (const auto& [key, value] : labels) {
    absl::StrAppend(&html, html.empty() ? "" : ", ",
                    IsolatedText(absl::StrCat(key, "=", value)));
  }
  return html;
}

std::string NodeRow(const v1::FleetNode& node) {
  return absl::StrCat(
      "<tr>\n<th scope=\"row\">", EscapeHtml(node.node()), "</th>\n",
      Cell("Rack", node.rack().empty() ? "" : IsolatedText(node.rack())),
      Cell("Address", IsolatedText(node.peer_address())),
      Cell("May send", Speed(node.egress_bytes_per_second())),
      Cell("Role", node.coordinator() ? "coordinator" : ""),
      Cell("Labels", LabelsOf(node)),
      Cell("Version", IsolatedText(node.version())), "</tr>\n");
}

std::string Summary(const std::string& fleet_name,
                    const v1::ListNodesResponse& nodes,
                    const HttpRequest& request) {
  const std::string of_fleet = absl::StrCat(
      "Those that are there of the fleet ", EscapeHtml(fleet_name));
  if (!PageToken(request).empty() || !nodes.next_page_token().empty()) {
    return absl::StrCat(of_fleet, ".");
  }
  return absl::StrCat(of_fleet, ": ", nodes.nodes_size(), ".");
}

}  // namespace

StatusContent NodesPage(const std::string& fleet_name,
                        const v1::ListNodesResponse& nodes,
                        const HttpRequest& request) {
  std::string rows;
  for (const v1::FleetNode& node : nodes.nodes()) rows += NodeRow(node);
  return {.title = "Nodes",
          .summary_html = Summary(fleet_name, nodes, request),
          .main_html = absl::StrCat(
              HtmlTable("Nodes, by their names",
                        {"Node", "Rack", "Address for nodes", "May send",
                         "Role", "Labels", "Version"},
                        rows,
                        "No node is registered; see etcd_trouble and "
                        "fleet_node_refused in the log."),
              PageLinks(request, nodes.next_page_token()))};
}

}  // namespace tcptool::server
