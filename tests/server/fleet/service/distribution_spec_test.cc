// Which specs of distributions are right, and that etcd has all of them.
#include "server/fleet/service/distribution_spec.h"

#include <functional>
#include <string>

#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/server/fleet/service/serving_node.h"

namespace tcptool::fleet {
namespace {

using std::string_literals::operator""s;
using Spec = api::DistributionSpec;

Spec GoodSpec() { return RequestToAll().distribution().spec(); }

TEST(DistributionSpec, IsReadBackWithAllItsFields) {
  Spec spec = GoodSpec();
  spec.mutable_targets()->add_nodes("n1");
  spec.mutable_targets()->add_racks("r1");
  (*spec.mutable_targets()->mutable_labels())["zone"] = "west";
  spec.mutable_destination()->set_overwrite(true);
  spec.mutable_limits()->set_node_bytes_per_second(10);
  spec.mutable_limits()->set_source_bytes_per_second(20);
  spec.mutable_expire_after()->set_seconds(60);
  spec.mutable_serve()->set_port(7000);
  (*spec.mutable_labels())["job"] = "7";
  const auto stored = ToStored(spec, "here");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      ToMessage(*stored), spec));
}

TEST(DistributionSpec, AnUploadGoesToTheNodeThatIsAsked) {
  Spec spec = GoodSpec();
  // Who is asked again may send what it was answered.
  spec.mutable_upload()->set_node("another");
  spec.mutable_upload()->set_expected_length(0);
  spec.mutable_upload()->set_expected_sha256(std::string(64, 'A'));
  spec.mutable_targets()->Clear();
  spec.mutable_targets()->add_nodes("here");
  const auto stored = ToStored(spec, "here");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->source_node(), "here");
  EXPECT_EQ(stored->upload().expected_sha256(), std::string(32, '\xAA'));
  spec.mutable_upload()->set_node("here");
  spec.mutable_upload()->set_expected_sha256(std::string(64, 'a'));
  spec.mutable_limits();  // They are shown though all have their defaults.
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(
      ToMessage(*stored), spec));
}

TEST(DistributionSpec, WrongFieldsAreNamed) {
  const auto expect = [](const std::string& path,
                         const std::function<void(Spec&)>& change) {
    Spec spec = GoodSpec();
    change(spec);
    const absl::Status status = ToStored(spec, "here").status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << path;
    EXPECT_EQ(status.message().substr(0, path.size() + 2), path + ": ")
        << status;
  };
  const std::string spec = "distribution.spec.";
  expect(spec + "file", [](Spec& s) { s.clear_file(); });
  expect(spec + "upload.expected_length",
         [](Spec& s) { s.mutable_upload()->set_expected_length(-1); });
  expect(spec + "upload.expected_sha256",
         [](Spec& s) { s.mutable_upload()->set_expected_sha256("12"); });
  expect(spec + "file.node",
         [](Spec& s) { s.mutable_file()->set_node("a/b"); });
  expect(spec + "file.root", [](Spec& s) { s.mutable_file()->clear_root(); });
  expect(spec + "file.root",
         [](Spec& s) { s.mutable_file()->set_root(std::string(256, 'x')); });
  expect(spec + "destination.root", [](Spec& s) {
    s.mutable_destination()->set_root(std::string(256, 'x'));
  });
  expect(spec + "file.path",
         [](Spec& s) { s.mutable_file()->set_path(std::string(5000, 'x')); });
  // The error quotes it once, not for each of its parts.
  expect(spec + "file.path", [](Spec& s) {
    std::string& path = *s.mutable_file()->mutable_path();
    for (int i = 0; i < 1'000'000; ++i) path += "../";
  });
  for (const std::string& path :
       {"/x"s, ".."s, "../x"s, "x/../y"s, "x/"s, "."s, "x\0y"s}) {
    expect(spec + "file.path",
           [&](Spec& s) { s.mutable_file()->set_path(path); });
    expect(spec + "destination.path",
           [&](Spec& s) { s.mutable_destination()->set_path(path); });
  }
  expect(spec + "targets", [](Spec& s) { s.clear_targets(); });
  expect(spec + "targets", [](Spec& s) {
    s.clear_targets();
    s.mutable_targets()->add_nodes(s.file().node());
  });
  expect(spec + "targets.nodes[1]", [](Spec& s) {
    s.mutable_targets()->add_nodes("n1");
    s.mutable_targets()->add_nodes("");
  });
  expect(spec + "targets.nodes", [](Spec& s) {
    for (int i = 0; i <= 10'000; ++i) s.mutable_targets()->add_nodes("n");
  });
  expect(spec + "targets.racks[0]", [](Spec& s) {
    s.mutable_targets()->add_racks(std::string(256, 'r'));
  });
  expect(spec + "targets.racks", [](Spec& s) {
    for (int i = 0; i <= 1'000; ++i) s.mutable_targets()->add_racks("r");
  });
  expect(spec + "targets.labels", [](Spec& s) {
    (*s.mutable_targets()->mutable_labels())["Zone"] = "west";
  });
  expect(spec + "labels", [](Spec& s) { (*s.mutable_labels())["Job"] = "7"; });
  expect(spec + "destination.root",
         [](Spec& s) { s.mutable_destination()->clear_root(); });
  expect(spec + "destination.path",
         [](Spec& s) { s.mutable_destination()->clear_path(); });
  expect(spec + "limits.node_bytes_per_second",
         [](Spec& s) { s.mutable_limits()->set_node_bytes_per_second(-1); });
  expect(spec + "limits.source_bytes_per_second",
         [](Spec& s) { s.mutable_limits()->set_source_bytes_per_second(-1); });
  expect(spec + "expire_after", [](Spec& s) { s.mutable_expire_after(); });
  for (const int port : {-1, 65536}) {
    expect(spec + "serve.port",
           [port](Spec& s) { s.mutable_serve()->set_port(port); });
  }
}

}  // namespace
}  // namespace tcptool::fleet
