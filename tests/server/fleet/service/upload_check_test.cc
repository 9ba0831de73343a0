// Which distributions may be uploaded to a node.
#include "server/fleet/service/upload_check.h"

#include <asio/io_context.hpp>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/fleet/state/reception_name.h"
#include "tests/server/error_reason.h"
#include "tests/server/fleet/service/serving_node.h"

namespace tcptool::fleet {
namespace {

using ::testing::HasSubstr;

class UploadCheckTest : public ::testing::Test {
 protected:
  UploadCheckTest() { fleet_.AddNode("here"); }

  absl::Status Check(const std::string& node = "here") {
    const FleetState state = fleet_.State();
    return CheckUpload("d", state.distributions().at("d"), node);
  }
  void Add() {
    v1::DistributionSpec spec = TestFleet::SpecToAll();
    spec.mutable_upload();
    spec.set_source_node("here");
    fleet_.AddDistribution("d", spec);
  }
  void ExpectRefused(const std::string& why, const std::string& reason,
                     const std::string& node = "here") {
    const absl::Status status = Check(node);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(why));
    EXPECT_EQ(server::ReasonOf(status), reason);
  }

  TestFleet fleet_;
};

TEST_F(UploadCheckTest, TheNodeTakesItsOwn) {
  Add();
  EXPECT_TRUE(Check().ok());
  fleet_.PutDelivery("d", "here", v1::DELIVERY_STATE_WAITING);
  EXPECT_TRUE(Check().ok());
}

TEST_F(UploadCheckTest, AnotherNodeSaysWhereItIsTaken) {
  Add();
  ExpectRefused("at node 'here'", "UPLOAD_AT_ANOTHER_NODE", "there");
}

TEST_F(UploadCheckTest, AFileIsNotUploaded) {
  fleet_.AddDistribution("d");
  ExpectRefused("made from a file", "NOT_AN_UPLOAD", "source");
}

TEST_F(UploadCheckTest, WhatHasEndedTakesNone) {
  Add();
  fleet_.PutDelivery("d", "here", v1::DELIVERY_STATE_DELIVERED);
  ExpectRefused("its content already", "UPLOAD_TAKEN");
  fleet_.PutDelivery("d", "here", v1::DELIVERY_STATE_FAILED);
  ExpectRefused("has ended", "UPLOAD_DELIVERY_ENDED");
  fleet_.Coordinate();
  ExpectRefused("is finished: it is FAILED", "RESOURCE_FINISHED");
}

TEST_F(UploadCheckTest, AnUploadIsFoundByTheNameOfItsReception) {
  asio::io_context thread;
  ServingNode node(thread, fleet_);
  node.Read();
  EXPECT_TRUE(absl::IsNotFound(node.FindUpload("distributions/d").status()));
  const auto made = node.Create(UploadToAll("d"));
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->spec().upload().node(), "here");
  const auto reception = node.FindUpload("distributions/d");
  ASSERT_TRUE(reception.ok()) << reception.status();
  const FleetState state = fleet_.State();
  const auto& spec = *state.distributions().at("d").spec;
  EXPECT_EQ(*reception,
            ReceptionName("lab", "d", spec.create_revision, spec.value.uid()));
}

}  // namespace
}  // namespace tcptool::fleet
