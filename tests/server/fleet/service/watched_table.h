// A table of distributions, and what one that watches it is told.
#ifndef TCPTOOL_TESTS_SERVER_FLEET_SERVICE_WATCHED_TABLE_H_
#define TCPTOOL_TESTS_SERVER_FLEET_SERVICE_WATCHED_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/fleet/service/distribution_table.h"

namespace tcptool::fleet {

class WatchedTable : public ::testing::Test {
 protected:
  WatchedTable() { table_.SetReady(); }

  bool Set(const std::string& id, int64_t number,
           api::DistributionState state = api::DISTRIBUTION_STATE_PLANNING) {
    api::Distribution distribution;
    distribution.set_name("distributions/" + id);
    distribution.set_state(state);
    distribution.mutable_spec()->mutable_targets()->set_all(true);
    return table_.Set(distribution, number);
  }
  // Of distribution `id` on node n; each is from p at one of these offsets.
  bool SetMoves(const std::string& id, const std::vector<int64_t>& offsets) {
    std::vector<api::ParentMove> moves;
    for (const int64_t offset : offsets) {
      api::ParentMove& move = moves.emplace_back();
      move.set_from_node("p");
      move.set_offset(offset);
    }
    const std::string name = "distributions/" + id;
    return table_.SetMoves(name, name + "/deliveries/n", moves);
  }
  // "a:1+" is a distribution in state 1 with its spec, "-a" a deletion, and
  // "a/deliveries/n@5" a move at 5.
  std::vector<std::string> Read(DistributionTable::Cursor& cursor,
                                const DistributionTable::Filter& filter = {}) {
    std::vector<std::string> all;
    bool more = true;
    while (more) {
      api::WatchDistributionsResponse response;
      const auto next = table_.Next(filter, cursor, 2, response);
      EXPECT_TRUE(next.ok()) << next.status();
      more = next.ok() && *next;
      for (const auto& change : response.changes()) {
        if (change.has_move()) {
          all.push_back(absl::StrCat(change.move().delivery().substr(14), "@",
                                     change.move().move().offset()));
          continue;
        }
        all.push_back(
            change.has_deleted_name()
                ? absl::StrCat("-", change.deleted_name().substr(14))
                : absl::StrCat(change.distribution().name().substr(14), ":",
                               change.distribution().state(),
                               change.distribution().has_spec() ? "+" : ""));
      }
    }
    return all;
  }
  DistributionTable::Cursor Begin(int64_t revision = 0) {
    const auto cursor = table_.Begin(revision);
    EXPECT_TRUE(cursor.ok()) << cursor.status();
    return cursor.value_or(DistributionTable::Cursor());
  }

  DistributionTable table_;
};

}  // namespace tcptool::fleet

#endif  // TCPTOOL_TESTS_SERVER_FLEET_SERVICE_WATCHED_TABLE_H_
