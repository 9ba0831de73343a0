// Specs of receptions: what is filled in, and what is refused.
#include "server/api/reception_spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "server/api/reception_translate.h"

namespace tcptool::server {
namespace {

v1::ReceptionSpec Spec() {
  v1::ReceptionSpec spec;
  spec.mutable_sender()->set_address("node-1.example:9876");
  spec.mutable_destination()->set_root("disk");
  spec.mutable_destination()->set_path("images/a/disk.img");
  return spec;
}

// The path of the field that is wrong in a spec that `change` has changed;
// empty: none is.
std::string WrongField(const std::function<void(v1::ReceptionSpec&)>& change) {
  v1::ReceptionSpec spec = Spec();
  change(spec);
  const absl::Status status = ToReceptionPlan(spec).status();
  if (status.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  const std::string message(status.message());
  const std::string prefix = "reception.spec.";
  EXPECT_EQ(message.rfind(prefix, 0), 0u) << message;
  return message.substr(prefix.size(), message.find(": ") - prefix.size());
}

TEST(ReceptionSpecTest, DefaultsAreFilledIn) {
  v1::ReceptionSpec spec = Spec();
  const auto plan = ToReceptionPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(spec.retention().seconds(), 168 * 3600);
  EXPECT_EQ(spec.limits().dead_timeout().seconds(), 60);
  EXPECT_EQ(spec.limits().first_byte_timeout().seconds(), 24 * 3600);
  EXPECT_EQ(spec.limits().stall_timeout().seconds(), 600);
  EXPECT_EQ(plan->sender.target.host, "node-1.example");
  EXPECT_EQ(plan->sender.target.port, "9876");
  EXPECT_EQ(plan->sender.target.wait, absl::ZeroDuration());
  EXPECT_FALSE(plan->sender.start);
  EXPECT_EQ(plan->directory, "images/a");
  EXPECT_EQ(plan->options.destination.name, "disk.img");
  EXPECT_FALSE(plan->options.destination.overwrite);
  EXPECT_FALSE(plan->options.expected_length);
  EXPECT_EQ(plan->options.first_byte_timeout, absl::Hours(24));
  EXPECT_EQ(plan->options.stall_timeout, absl::Minutes(10));
}

TEST(ReceptionSpecTest, WhatIsAskedForReachesTheDataPlane) {
  v1::ReceptionSpec spec = Spec();
  spec.mutable_sender()->set_send_start_byte(true);
  spec.mutable_sender()->mutable_wait()->set_seconds(30);
  spec.mutable_destination()->set_path("disk.img");
  spec.mutable_destination()->set_overwrite(true);
  spec.set_expected_length(5);
  spec.set_expected_sha256(std::string(32, 'A') + std::string(32, '0'));
  spec.mutable_limits()->mutable_first_byte_timeout()->set_seconds(1);
  spec.mutable_limits()->mutable_stall_timeout()->set_seconds(2);
  spec.mutable_limits()->mutable_dead_timeout()->set_seconds(5);
  const auto plan = ToReceptionPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(plan->sender.start);
  EXPECT_EQ(plan->sender.target.wait, absl::Seconds(30));
  EXPECT_EQ(plan->sender.dead_timeout, absl::Seconds(5));
  EXPECT_EQ(plan->directory, ".");
  EXPECT_TRUE(plan->options.destination.overwrite);
  EXPECT_EQ(plan->options.expected_length, 5u);
  EXPECT_EQ(plan->options.first_byte_timeout, absl::Seconds(1));
  EXPECT_EQ(plan->options.stall_timeout, absl::Seconds(2));
  ASSERT_TRUE(plan->options.expected_sha256);
  EXPECT_EQ(dataplane::ToHex(*plan->options.expected_sha256),
            std::string(32, 'a') + std::string(32, '0'));
  EXPECT_EQ(spec.expected_sha256(),
            std::string(32, 'a') + std::string(32, '0'));
}

TEST(ReceptionSpecTest, SendersAreHostsWithAPort) {
  const auto host = [](const std::string& address) {
    v1::ReceptionSpec spec = Spec();
    spec.mutable_sender()->set_address(address);
    const auto plan = ToReceptionPlan(spec);
    return plan.ok() ? plan->sender.target.host + " " + plan->sender.target.port
                     : "";
  };
  EXPECT_EQ(host("192.0.2.1:1"), "192.0.2.1 1");
  EXPECT_EQ(host("[2001:db8::1]:65535"), "2001:db8::1 65535");
  EXPECT_EQ(host("[fe80::1%eth0]:80"), "fe80::1%eth0 80");
  for (const char* address :
       {"", "host", ":9876", "host:", "host:0", "host:65536", "host:-1",
        "host:+1", "host: 1", "2001:db8::1:80", "[]:80", "[host]:80",
        "[2001:db8::1]", "a b:80", "host:80:90", "host:\xc2\xb2"}) {
    EXPECT_EQ(host(address), "") << address;
    EXPECT_EQ(WrongField([&](v1::ReceptionSpec& spec) {
                spec.mutable_sender()->set_address(address);
              }),
              "sender.address")
        << address;
  }
  EXPECT_EQ(host(std::string(254, 'a') + ":80"), "");
}

TEST(ReceptionSpecTest, FieldsThatAreWrongAreNamed) {
  using Spec = v1::ReceptionSpec;
  EXPECT_EQ(WrongField([](Spec&) {}), "");
  EXPECT_EQ(WrongField([](Spec& spec) { spec.clear_sender(); }), "sender");
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_sender()->mutable_wait()->set_seconds(-1);
            }),
            "sender.wait");
  EXPECT_EQ(WrongField([](Spec& spec) { spec.clear_destination(); }),
            "destination.root");
  EXPECT_EQ(
      WrongField([](Spec& spec) { spec.mutable_destination()->clear_path(); }),
      "destination.path");
  for (const char* path : {"a/", "/", "a/..", ".", "..", "a/."}) {
    EXPECT_EQ(WrongField([path](Spec& spec) {
                spec.mutable_destination()->set_path(path);
              }),
              "destination.path")
        << path;
  }
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_destination()->set_path(std::string(4097, 'a'));
            }),
            "destination.path");
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_destination()->set_path(std::string("a\0b", 3));
            }),
            "destination.path");
  EXPECT_EQ(WrongField([](Spec& spec) { spec.set_expected_length(-1); }),
            "expected_length");
  for (const std::string& hex :
       {std::string("abc"), std::string(63, 'a'), std::string(65, 'a'),
        std::string(63, 'a') + "g"}) {
    EXPECT_EQ(WrongField([&](Spec& spec) { spec.set_expected_sha256(hex); }),
              "expected_sha256");
  }
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_limits()->mutable_stall_timeout();
            }),
            "limits.stall_timeout");
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_limits()->mutable_first_byte_timeout()->set_seconds(
                  8760 * 3600 + 1);
            }),
            "limits.first_byte_timeout");
  EXPECT_EQ(WrongField([](Spec& spec) {
              spec.mutable_limits()->mutable_dead_timeout()->set_seconds(3);
            }),
            "limits.dead_timeout");
  EXPECT_EQ(WrongField([](Spec& spec) { spec.mutable_retention(); }),
            "retention");
  EXPECT_EQ(
      WrongField([](Spec& spec) { (*spec.mutable_labels())["Upper"] = "x"; }),
      "labels");
}

TEST(ReceptionSpecTest, PathsThatLeaveTheRootAreLeftToTheRoot) {
  // Only the kernel knows where a path leads.
  v1::ReceptionSpec spec = Spec();
  spec.mutable_destination()->set_path("/etc/passwd");
  EXPECT_EQ(ToReceptionPlan(spec)->directory, "/etc");
  spec.mutable_destination()->set_path("/passwd");
  EXPECT_EQ(ToReceptionPlan(spec)->directory, "/");
}

TEST(ReceptionTranslateTest, StatesAndReasonsHaveTheDataPlanesNames) {
  for (size_t i = 0; i < dataplane::kReceptionStates; ++i) {
    dataplane::ReceptionStatus status;
    status.state = static_cast<dataplane::ReceptionState>(i);
    v1::Reception reception;
    CopyStatus(status, reception);
    EXPECT_EQ(v1::ReceptionState_Name(reception.state()),
              "RECEPTION_STATE_" + std::string(Name(status.state)));
    EXPECT_EQ(ToState(reception.state()), status.state);
  }
  EXPECT_EQ(v1::ReceptionState_ARRAYSIZE,
            static_cast<int>(dataplane::kReceptionStates) + 1);
  for (size_t i = 1; i < dataplane::kReceptionReasons; ++i) {
    dataplane::ReceptionStatus status;
    status.reason = static_cast<dataplane::ReceptionReason>(i);
    v1::Reception reception;
    CopyStatus(status, reception);
    EXPECT_EQ(v1::ReceptionReason_Name(reception.reason()),
              "RECEPTION_REASON_" + std::string(Name(status.reason)));
  }
  EXPECT_EQ(v1::ReceptionReason_ARRAYSIZE,
            static_cast<int>(dataplane::kReceptionReasons));
}

TEST(ReceptionTranslateTest, WhatIsNotKnownIsNotSet) {
  dataplane::ReceptionStatus status;
  v1::Reception reception;
  CopyStatus(status, reception);
  EXPECT_EQ(reception.peer_address(), "");
  EXPECT_FALSE(reception.has_content_length());
  EXPECT_FALSE(reception.has_start_time());
  EXPECT_EQ(reception.content_root(), "");
  status.peer = {asio::ip::make_address("192.0.2.1"), 9876};
  status.content_length = 0;
  status.root = dataplane::Digest();
  status.start_time = absl::FromUnixSeconds(5);
  status.detail = "it is for dns:\xff.example";
  CopyStatus(status, reception);
  EXPECT_EQ(reception.detail(), "it is for dns:?.example");
  EXPECT_EQ(reception.peer_address(), "192.0.2.1:9876");
  EXPECT_TRUE(reception.has_content_length());
  EXPECT_EQ(reception.start_time().seconds(), 5);
  EXPECT_EQ(reception.content_root(), std::string(64, '0'));
  // It is another one's: what was told of it was wrong.
  status.content_length.reset();
  status.root.reset();
  CopyStatus(status, reception);
  EXPECT_FALSE(reception.has_content_length());
  EXPECT_EQ(reception.content_root(), "");
}

v1::ReceptionSpec NodeSpec() {
  v1::ReceptionSpec spec = Spec();
  spec.mutable_node()->set_address("[2001:db8::1]:9877");
  spec.mutable_node()->set_name("sessions/image");
  return spec;
}

TEST(ReceptionSpecTest, NodesAreTriedInTheirOrder) {
  v1::ReceptionSpec spec = NodeSpec();
  v1::FallbackNode& fallback = *spec.mutable_node()->add_fallbacks();
  fallback.set_address("node-2.example:9878");
  fallback.set_name("receptions/image");
  fallback.set_certificate_name("node-2");
  const auto plan = ToReceptionPlan(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_TRUE(plan->nodes);
  ASSERT_EQ(plan->nodes->nodes.size(), 2u);
  EXPECT_EQ(plan->nodes->nodes[0].target.host, "2001:db8::1");
  EXPECT_EQ(plan->nodes->nodes[0].target.port, "9877");
  EXPECT_EQ(plan->nodes->nodes[0].name, "sessions/image");
  EXPECT_EQ(plan->nodes->nodes[1].target.host, "node-2.example");
  EXPECT_EQ(plan->nodes->nodes[0].certificate_name, "");
  EXPECT_EQ(plan->nodes->nodes[1].name, "receptions/image");
  EXPECT_EQ(plan->nodes->nodes[1].certificate_name, "node-2");
  EXPECT_FALSE(plan->nodes->start);
  EXPECT_EQ(plan->nodes->wait, absl::Minutes(1));
  EXPECT_EQ(plan->nodes->dead_timeout, absl::Seconds(60));
  EXPECT_EQ(spec.node().wait().seconds(), 60);
}

TEST(ReceptionSpecTest, NodesThatAreNone) {
  const auto wrong = [](const std::function<void(v1::NodeSource&)>& change) {
    return WrongField([&](v1::ReceptionSpec& spec) {
      spec = NodeSpec();
      change(*spec.mutable_node());
    });
  };
  EXPECT_EQ(wrong([](auto&) {}), "");
  EXPECT_EQ(wrong([](auto& node) { node.set_address("node"); }),
            "node.address");
  for (const char* name : {"", "sessions/", "sessions/a/recipients/1", "a"}) {
    EXPECT_EQ(wrong([&](auto& node) { node.set_name(name); }), "node.name");
  }
  EXPECT_EQ(wrong([](auto& node) { node.mutable_wait()->set_seconds(-1); }),
            "node.wait");
  EXPECT_EQ(wrong([](auto& node) {
              node.set_certificate_name(std::string(256, 'a'));
            }),
            "node.certificate_name");
  EXPECT_EQ(
      wrong([](auto& node) { node.add_fallbacks()->set_address("node:1"); }),
      "node.fallbacks[0].name");
  EXPECT_EQ(wrong([](auto& node) {
              for (int i = 0; i < 9; ++i) {
                auto& fallback = *node.add_fallbacks();
                fallback.set_address("node:1");
                fallback.set_name("sessions/a");
              }
            }),
            "node.fallbacks");
}

}  // namespace
}  // namespace tcptool::server
