// A distribution's content that is uploaded to the node.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/receiving/manifest.h"
#include "server/receptions/reception_uploads.h"
#include "tests/server/fleet/deliveries/receiving_node.h"
#include "tests/server/hanging_root.h"

namespace tcptool::fleet {
namespace {

using server::ReceptionUpload;
using testing::HasSubstr;

class UploadedContentTest : public NodeDeliveriesTest {
 protected:
  using NodeDeliveriesTest::NodeDeliveriesTest;

  static v1::DistributionSpec UploadSpec() {
    v1::DistributionSpec spec = Spec();
    spec.mutable_upload();
    return spec;
  }
  void ReceiveUpload(const v1::DistributionSpec& spec = UploadSpec(),
                     bool was_begun = false) {
    deliveries_->ReceiveUpload(id_, spec, was_begun, Remember());
  }
  server::ReceptionUploads& uploads() { return manager_->uploads(); }
  std::unique_ptr<ReceptionUpload> BeginUpload() {
    auto upload = uploads().Begin(name(), "distributions/images-v2");
    EXPECT_TRUE(upload.ok()) << upload.status();
    return upload.ok() ? *std::move(upload) : nullptr;
  }
  static void Send(ReceptionUpload& upload, const std::string& data,
                   bool complete) {
    tcptool::v1::UploadDistributionRequest request;
    request.set_data(data);
    request.set_complete(complete);
    const absl::Status status = upload.Take(request);
    EXPECT_TRUE(status.ok()) << status;
  }
};

TEST_F(UploadedContentTest, IsReceivedOnceItsUploadBegins) {
  ReceiveUpload();
  RunUntilState(v1::DELIVERY_STATE_WAITING);
  EXPECT_FALSE(table_->contains(name())) << "It takes nobody's turn.";
  const auto upload = BeginUpload();
  Send(*upload, TheContent(), true);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  const auto reception = table_->Get(name());
  ASSERT_TRUE(reception.ok());
  EXPECT_TRUE(reception->spec().has_upload());
  EXPECT_EQ(reception->spec().labels().at(NodeDeliveries::kLabel), "images-v2");
  EXPECT_EQ(last_.content.length(), TheContent().size());
  EXPECT_TRUE(folder_.Get("copy") == TheContent());
  EXPECT_TRUE(upload->closed());
  EXPECT_TRUE(upload->result().ok());
}

TEST_F(UploadedContentTest, OthersHaveWhatHasComeMeanwhile) {
  ReceiveUpload();
  const auto upload = BeginUpload();
  Send(*upload, "a part", false);
  RunUntilState(v1::DELIVERY_STATE_RECEIVING);
  const auto content = Wait<PeerContents::Found>(
      [&](auto done) { contents_->Find("distributions/images-v2", done); });
  EXPECT_TRUE(content.ok()) << content.status();
}

TEST_F(UploadedContentTest, OneThatBreaksOffHasFailed) {
  ReceiveUpload();
  const auto upload = BeginUpload();
  Send(*upload, "a part", false);
  RunUntilState(v1::DELIVERY_STATE_RECEIVING);
  upload->Fail(absl::CancelledError("the client is gone"));
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("broke off after 6 bytes"));
  EXPECT_TRUE(absl::IsAborted(upload->result()));
  WaitForNames({});
}

TEST_F(UploadedContentTest, OneThatBreaksOffBeforeItsTurnHasFailed) {
  Begin(1);
  const ScriptedSender sender;
  deliveries_->Receive({.distribution = "earlier", .revision = 1},
                       Spec("another"),
                       {{"n1", absl::StrCat("127.0.0.1:", sender.port())}},
                       false, [](const DeliveryProgress&) {});
  ReceiveUpload();
  const auto upload = BeginUpload();
  RunUntil([&] { return absl::StrContains(last_.detail, "--max-deliveries"); });
  upload->Fail(absl::CancelledError("the client is gone"));
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("broke off after 0 bytes"));
  EXPECT_TRUE(absl::IsAborted(upload->result()));
  EXPECT_FALSE(table_->contains(name()));
}

TEST_F(UploadedContentTest, WhatIsExpectedIsChecked) {
  v1::DistributionSpec spec = UploadSpec();
  spec.mutable_upload()->set_expected_length(7);
  ReceiveUpload(spec);
  const auto upload = BeginUpload();
  Send(*upload, "shorter", true);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  deliveries_->Release(id_);
  spec.set_destination_path("other");
  spec.mutable_upload()->clear_expected_length();
  spec.mutable_upload()->set_expected_sha256(std::string(32, 'x'));
  const DeliveryId other = {.distribution = "other", .revision = 8};
  deliveries_->ReceiveUpload(other, spec, false, Remember());
  auto second =
      uploads().Begin(deliveries_->NameOf(other), "distributions/other");
  ASSERT_TRUE(second.ok()) << second.status();
  Send(**second, "content", true);
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("DIGEST_MISMATCH"));
  EXPECT_THAT(std::string((*second)->result().message()),
              HasSubstr("DIGEST_MISMATCH"));
}

TEST_F(UploadedContentTest, ADestinationThatCannotBeHadFailsTheUpload) {
  folder_.Put("copy", "of somebody");
  ReceiveUpload();
  const auto upload = BeginUpload();
  Send(*upload, "content", false);
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_TRUE(absl::IsAborted(upload->result()));
  EXPECT_EQ(folder_.Get("copy"), "of somebody");
}

TEST_F(UploadedContentTest, OneThatIsReleasedTakesNoMore) {
  ReceiveUpload();
  const auto upload = BeginUpload();
  Send(*upload, "a part", false);
  RunUntilState(v1::DELIVERY_STATE_RECEIVING);
  deliveries_->Release(id_);
  EXPECT_TRUE(absl::IsAborted(upload->result()));
  RunUntil([&] { return IsReception(tcptool::v1::RECEPTION_STATE_CANCELLED); });
  WaitForNames({});
  // When it is tried again, so is the upload.
  ReceiveUpload();
  const auto again = BeginUpload();
  Send(*again, "content", true);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(folder_.Get("copy"), "content");
}

TEST_F(UploadedContentTest, OneThatIsEarlierThanTheNodeIsReceived) {
  const auto upload = BeginUpload();
  Send(*upload, "content", true);
  ReceiveUpload();
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(folder_.Get("copy"), "content");
  EXPECT_TRUE(upload->result().ok());
}

TEST_F(UploadedContentTest, WhatAnEarlierRunHadOfItIsLost) {
  const auto upload = BeginUpload();
  Send(*upload, "content", true);
  ReceiveUpload(UploadSpec(), true);
  RunUntilState(v1::DELIVERY_STATE_FAILED);
  EXPECT_THAT(last_.detail, HasSubstr("upload it anew"));
  // The beginning is not there any more, and this one is not added to it.
  EXPECT_TRUE(absl::IsAborted(upload->result()));
  EXPECT_THAT(std::string(upload->result().message()),
              HasSubstr("upload it anew"));
}

TEST_F(UploadedContentTest, WhatAnEarlierRunHasGotWholeIsDelivered) {
  ReceiveUpload();
  Send(*BeginUpload(), "content", true);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  last_.state = v1::DELIVERY_STATE_UNSPECIFIED;
  Begin();
  // As the next process has it.
  uploads().Forget(name(), absl::OkStatus());
  const auto other = BeginUpload();
  Send(*other, "another content", true);
  ReceiveUpload(UploadSpec(), true);
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(folder_.Get("copy"), "content");
  EXPECT_TRUE(absl::IsFailedPrecondition(other->result()));
}

class UploadToAHangingRootTest : public UploadedContentTest {
 protected:
  UploadToAHangingRootTest() : UploadedContentTest(absl::Seconds(1)) {}

  // One that has to wait.
  std::unique_ptr<ReceptionUpload> BeginHindered() {
    disk_.Hang();
    ReceiveUpload();
    auto upload = BeginUpload();
    Send(*upload, "content", true);
    RunUntil([&] { return absl::StrContains(last_.detail, "root \"disk\""); });
    EXPECT_EQ(last_.state, v1::DELIVERY_STATE_WAITING);
    EXPECT_FALSE(upload->closed());
    return upload;
  }

  const server::HangingRoot disk_{roots_, "disk"};
};

TEST_F(UploadToAHangingRootTest, GoesOnWhenItAnswers) {
  const auto upload = BeginHindered();
  disk_.Answer();
  RunUntilState(v1::DELIVERY_STATE_DELIVERED);
  EXPECT_EQ(last_.detail, "");
  EXPECT_TRUE(upload->result().ok());
}

TEST_F(UploadToAHangingRootTest, EndsWithItsNameIfItDoesNotAnswer) {
  using Uploads = server::ReceptionUploads;
  const auto upload = BeginHindered();
  // It does not end while the root is asked.
  RunUntil([&] {
    uploads().EndOverdue(Uploads::Clock::now() + Uploads::kPatience);
    return upload->closed();
  });
  ASSERT_TRUE(upload->closed());
  EXPECT_TRUE(absl::IsUnavailable(upload->result()));
  EXPECT_THAT(std::string(upload->result().message()),
              HasSubstr("root \"disk\""));
  RunUntil([&] { return last_.detail.empty(); });
  EXPECT_EQ(last_.state, v1::DELIVERY_STATE_WAITING);
}

}  // namespace
}  // namespace tcptool::fleet
