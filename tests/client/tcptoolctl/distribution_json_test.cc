#include "client/tcptoolctl/distribution_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/tcptoolctl/json.h"
#include "tcptool/v1/distribution_service.pb.h"

namespace tcptool {
namespace {

using testing::ElementsAre;
using testing::Pair;
using testing::StartsWith;

v1::Delivery& Add(DistributionPicture& picture, const std::string& node) {
  v1::Delivery& delivery = picture.deliveries.emplace_back();
  delivery.set_node(node);
  delivery.set_parent("a");
  delivery.set_state(v1::DELIVERY_STATE_RECEIVING);
  return delivery;
}

TEST(TreeJsonTest, HasWhatTheTreeShowsOfEachNode) {
  DistributionPicture picture;
  picture.source = "a";
  picture.racks = {{"a", "r1"}, {"b", "r\"2"}};
  picture.distribution.set_content_length(8 << 20);
  v1::Delivery& b = Add(picture, "b");
  b.set_bytes_received(3 << 20);
  b.set_bytes_per_second(2 << 20);
  b.add_moves()->set_reason("nothing came");
  // It has told nothing, and its rack is not known.
  const v1::Delivery& c = Add(picture, "c");
  EXPECT_THAT(
      TreeJson(picture),
      ElementsAre(
          Pair("a", R"({"node":"a","rack":"r1"})"),
          Pair("b", absl::StrCat(R"({"node":"b","rack":"r\"2",)",
                                 R"("percentDone":37,"secondsLeft":3,)",
                                 R"("delivery":)", Json(picture.deliveries[0]),
                                 "}")),
          Pair("c", absl::StrCat(R"({"node":"c","delivery":)", Json(c), "}"))));
}

TEST(JsonTest, SaysThatAMessageHasNone) {
  EXPECT_TRUE(JsonStatus().ok());
  v1::ListDistributionsResponse list;
  list.add_distributions()->mutable_create_time()->set_seconds(1LL << 60);
  EXPECT_THAT(Json(list), StartsWith("{\"error\":{\"code\":13,"));
  EXPECT_TRUE(absl::IsInternal(JsonStatus())) << JsonStatus();
}

TEST(TreeJsonTest, ANodeThatGetsAnUploadIsThereOnce) {
  DistributionPicture picture;
  picture.source = "a";
  const v1::Delivery& a = Add(picture, "a");
  EXPECT_THAT(TreeJson(picture),
              ElementsAre(Pair("a", absl::StrCat(R"({"node":"a","delivery":)",
                                                 Json(a), "}"))));
}

TEST(TreeJsonTest, KnowsNoSourceBeforeTheDistributionHasCome) {
  EXPECT_THAT(TreeJson({}), ElementsAre());
}

}  // namespace
}  // namespace tcptool
