// How long the tree of a large distribution takes: planned, and mended when a
// tenth of its nodes have died. Prints one JSON object a line.
//
//   plan_times

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/fleet/plan/plan.h"

namespace {

using tcptool::fleet::PlanNode;
using tcptool::fleet::PlanPolicy;
using tcptool::fleet::Tree;

constexpr int kNodes = 10'000;
constexpr uint64_t kRate = 125'000'000;

// With the time that it took, in ms.
Tree Planned(const std::vector<PlanNode>& nodes, const Tree& current,
             double& took) {
  const PlanPolicy policy = {.size = 10'000'000'000, .target_rate = kRate};
  const auto began = std::chrono::steady_clock::now();
  auto tree = tcptool::fleet::PlanTree(nodes, policy, current);
  const auto ended = std::chrono::steady_clock::now();
  if (!tree.ok()) {
    std::cerr << tree.status() << '\n';
    std::exit(1);
  }
  took = std::chrono::duration<double, std::milli>(ended - began).count();
  return *std::move(tree);
}

}  // namespace

int main() {
  for (const uint64_t children : {0, 4}) {
    for (const int racks : {50, 2'000}) {
      std::vector<PlanNode> nodes;
      nodes.reserve(kNodes);
      for (int i = 0; i < kNodes; ++i) {
        nodes.push_back({.name = absl::StrCat("node-", i),
                         .rack = absl::StrCat("rack-", i % racks),
                         .egress = children * kRate});
      }
      nodes[0].has_all = true;
      double planned = 0;
      double mended = 0;
      const Tree tree = Planned(nodes, {}, planned);
      int at = 0;
      std::erase_if(nodes, [&at](const PlanNode&) { return at++ % 10 == 7; });
      Planned(nodes, tree, mended);
      std::cout << R"({"nodes": )" << kNodes << R"(, "racks": )" << racks
                << R"(, "children": )" << children << R"(, "planned_ms": )"
                << planned << R"(, "mended_ms": )" << mended << "}\n";
    }
  }
}
