// Specs: what is filled in, and what is refused.
#include "server/api/spec.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

const SpecRules kRules = {.data_address = asio::ip::make_address("192.0.2.1"),
                          .first_port = 9876,
                          .last_port = 9975,
                          .max_recipients = 10'000};

v1::SessionSpec FileSpec() {
  v1::SessionSpec spec;
  spec.mutable_file()->set_root("files");
  spec.mutable_file()->set_path("content");
  return spec;
}

// The path of the field that is wrong in a spec that `change` has changed;
// empty: none is.
std::string WrongField(const std::function<void(v1::SessionSpec&)>& change) {
  v1::SessionSpec spec = FileSpec();
  change(spec);
  const absl::Status status = ToOptions(kRules, spec).status();
  if (status.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  const std::string message(status.message());
  EXPECT_EQ(message.rfind("session.spec.", 0), 0u) << message;
  const size_t begin = std::string("session.spec.").size();
  return message.substr(begin, message.find(": ") - begin);
}

TEST(SpecTest, DefaultsAreFilledIn) {
  v1::SessionSpec spec = FileSpec();
  const auto options = ToOptions(kRules, spec);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(spec.listener().bind_address(), "192.0.2.1");
  EXPECT_EQ(spec.expire_after().seconds(), 24 * 3600);
  EXPECT_EQ(spec.retention().seconds(), 168 * 3600);
  EXPECT_EQ(spec.limits().handshake_timeout().seconds(), 10);
  EXPECT_EQ(spec.limits().stall_timeout().seconds(), 60);
  EXPECT_EQ(spec.limits().confirm_timeout().seconds(), 600);
  EXPECT_EQ(spec.limits().acknowledge_timeout().seconds(), 30);
  EXPECT_EQ(spec.limits().dead_timeout().seconds(), 15);
  EXPECT_EQ(options->expire_after, absl::Hours(24));
  EXPECT_EQ(options->port, 0);
}

TEST(SpecTest, AllWrongFieldsAreNamed) {
  v1::SessionSpec spec = FileSpec();
  spec.mutable_file()->set_offset(-1);
  spec.add_allow("10.0.0.0/8");
  spec.add_allow("nobody");
  spec.add_expected()->set_address("192.0.2.7");
  spec.add_expected()->set_address("somebody");
  spec.mutable_limits()->mutable_stall_timeout()->set_nanos(2'000'000'000);
  const absl::Status status = ToOptions(kRules, spec).status();
  // Not who is expected, though it may be that no rule will allow him.
  EXPECT_EQ(WrongFieldsOf(status),
            (std::vector<std::string>{"session.spec.file.offset",
                                      "session.spec.allow[1]",
                                      "session.spec.expected[1].address",
                                      "session.spec.limits.stall_timeout"}));
}

TEST(SpecTest, SpecThatWasFilledInStaysTheSame) {
  v1::SessionSpec spec = FileSpec();
  spec.mutable_start()->mutable_max_wait()->set_seconds(5);
  ASSERT_TRUE(ToOptions(kRules, spec).ok());
  EXPECT_EQ(spec.start().min_recipients(), 1);
  const std::string once = spec.SerializeAsString();
  ASSERT_TRUE(ToOptions(kRules, spec).ok());
  EXPECT_EQ(spec.SerializeAsString(), once);
}

TEST(SpecTest, ExpectedSha256IsComputed) {
  for (const bool is_upload : {false, true}) {
    const std::string field =
        is_upload ? "upload.expected_sha256" : "file.expected_sha256";
    const auto set = [is_upload](v1::SessionSpec& spec,
                                 const std::string& hex) {
      if (is_upload) return spec.mutable_upload()->set_expected_sha256(hex);
      spec.mutable_file()->set_expected_sha256(hex);
    };
    for (const std::string& wrong :
         {std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'g'),
          std::string(64, ' '), "0x" + std::string(62, 'a')}) {
      EXPECT_EQ(WrongField([&](auto& spec) { set(spec, wrong); }), field);
    }
    v1::SessionSpec spec = FileSpec();
    set(spec, std::string(64, 'A'));
    const auto options = ToOptions(kRules, spec);
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_TRUE(options->compute_sha256);
    EXPECT_TRUE(spec.compute_sha256());
    EXPECT_EQ(is_upload ? spec.upload().expected_sha256()
                        : spec.file().expected_sha256(),
              std::string(64, 'a'));
  }
}

TEST(SpecTest, SourceIsRequired) {
  EXPECT_EQ(WrongField([](auto& spec) { spec.clear_source(); }), "file");
  EXPECT_EQ(WrongField([](auto& spec) { spec.mutable_file()->clear_root(); }),
            "file.root");
  EXPECT_EQ(WrongField([](auto& spec) { spec.mutable_file()->clear_path(); }),
            "file.path");
  const auto root = [](const std::string& text, bool is_part = false) {
    return WrongField([&](auto& spec) {
      spec.mutable_file()->set_expected_root(text);
      if (is_part) spec.mutable_file()->set_length(1);
    });
  };
  EXPECT_EQ(root(std::string(64, 'a')), "");
  EXPECT_EQ(root(std::string(63, 'a')), "file.expected_root");
  EXPECT_EQ(root(std::string(64, 'g')), "file.expected_root");
  EXPECT_EQ(root(std::string(64, 'a'), true), "file.expected_root");
  EXPECT_EQ(WrongField([](auto& spec) { spec.mutable_upload(); }), "");
  EXPECT_EQ(
      WrongField([](auto& spec) { spec.mutable_upload()->set_length(-1); }),
      "upload.length");
  const auto reception = [](const std::string& name) {
    return WrongField(
        [&name](auto& spec) { spec.mutable_reception()->set_name(name); });
  };
  EXPECT_EQ(reception("receptions/one"), "");
  EXPECT_EQ(reception("one"), "reception.name");
  EXPECT_EQ(reception("sessions/one"), "reception.name");
  EXPECT_EQ(reception(""), "reception.name");
}

TEST(SpecTest, RangesHoldAtTheirEnds) {
  const auto offset = [](int64_t value) {
    return WrongField(
        [value](auto& spec) { spec.mutable_file()->set_offset(value); });
  };
  EXPECT_EQ(offset(0), "");
  EXPECT_EQ(offset(-1), "file.offset");
  const auto port = [](int32_t value) {
    return WrongField(
        [value](auto& spec) { spec.mutable_listener()->set_port(value); });
  };
  EXPECT_EQ(port(9876), "");
  EXPECT_EQ(port(9975), "");
  EXPECT_EQ(port(9875), "listener.port");
  EXPECT_EQ(port(9976), "listener.port");
  EXPECT_EQ(port(9876 + 65'536), "listener.port");
  const auto recipients = [](int32_t value) {
    return WrongField([value](auto& spec) { spec.set_max_recipients(value); });
  };
  EXPECT_EQ(recipients(10'000), "");
  EXPECT_EQ(recipients(10'001), "max_recipients");
  EXPECT_EQ(recipients(-1), "max_recipients");
}

TEST(SpecTest, DurationsHaveRangesAndNoStrayNanos) {
  const auto expire_after = [](int64_t seconds, int32_t nanos) {
    return WrongField([=](auto& spec) {
      spec.mutable_expire_after()->set_seconds(seconds);
      spec.mutable_expire_after()->set_nanos(nanos);
    });
  };
  EXPECT_EQ(expire_after(1, 0), "");
  EXPECT_EQ(expire_after(0, 999'999'999), "expire_after");
  EXPECT_EQ(expire_after(int64_t{8760} * 3600, 0), "");
  EXPECT_EQ(expire_after(int64_t{8760} * 3600, 1), "expire_after");
  EXPECT_EQ(expire_after(0, 1'000'000'000), "expire_after");
  EXPECT_EQ(expire_after(-1, 0), "expire_after");
  EXPECT_EQ(expire_after(60, -1), "expire_after");
  EXPECT_EQ(expire_after(-60, 1), "expire_after");
  EXPECT_EQ(expire_after(std::numeric_limits<int64_t>::max(), 0),
            "expire_after");
  EXPECT_EQ(expire_after(std::numeric_limits<int64_t>::min(),
                         std::numeric_limits<int32_t>::min()),
            "expire_after");
}

TEST(SpecTest, HostMayBeSilentForAsLongAsTheSpecSays) {
  v1::SessionSpec spec = FileSpec();
  spec.mutable_limits()->mutable_dead_timeout()->set_seconds(50);
  const auto options = ToOptions(kRules, spec);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->limits.dead_timeout, absl::Seconds(50));
  const auto dead_timeout = [](int64_t seconds) {
    return WrongField([seconds](auto& wrong) {
      wrong.mutable_limits()->mutable_dead_timeout()->set_seconds(seconds);
    });
  };
  EXPECT_EQ(dead_timeout(0), "limits.dead_timeout");
  EXPECT_EQ(dead_timeout(1), "");
  EXPECT_EQ(dead_timeout(86'400), "");
  EXPECT_EQ(dead_timeout(86'401), "limits.dead_timeout");
}

TEST(SpecTest, StartConditionsThatExcludeEachOther) {
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_start()->set_immediate(true);
              spec.mutable_start()->set_ignore_start_byte(true);
            }),
            "start.immediate");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_upload();
              spec.mutable_start()->set_immediate(true);
            }),
            "start.immediate");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_reception()->set_name("receptions/one");
              spec.mutable_start()->set_immediate(true);
            }),
            "");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_start()->set_min_recipients(2);
            }),
            "start.min_recipients");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.set_max_recipients(2);
              spec.mutable_start()->set_min_recipients(3);
              spec.mutable_start()->mutable_max_wait()->set_seconds(1);
            }),
            "start.min_recipients");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_expire_after()->set_seconds(5);
              spec.mutable_start()->mutable_max_wait()->set_seconds(6);
            }),
            "start.max_wait");
}

TEST(SpecTest, ExpectedRecipientsMustBeAllowedAndFit) {
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.add_allow("192.0.2.0/24");
              spec.add_expected()->set_address("192.0.2.7");
              spec.add_expected()->set_address("198.51.100.7");
            }),
            "expected[1].address");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.set_max_recipients(1);
              spec.add_expected()->set_address("192.0.2.7");
              spec.add_expected()->set_address("192.0.2.8");
            }),
            "expected");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.add_expected()->set_address("192.0.2.7");
              spec.mutable_expected(0)->set_label(std::string(256, 'x'));
            }),
            "expected[0].label");
}

// No connection's address would be equal to it without its interface.
TEST(SpecTest, ExpectedLinkLocalAddressNeedsItsInterface) {
  const auto expecting = [](const std::string& address) {
    return WrongField(
        [&](auto& spec) { spec.add_expected()->set_address(address); });
  };
  EXPECT_EQ(expecting("fe80::1"), "expected[0].address");
  EXPECT_EQ(expecting("fe80::1%no-such"), "expected[0].address");
  EXPECT_EQ(expecting("2001:db8::1%no-such"), "expected[0].address");
  EXPECT_EQ(expecting("fe80::1%lo"), "");
  EXPECT_EQ(expecting("fd00::1"), "");
  EXPECT_EQ(expecting("169.254.0.1"), "");
}

// asio, and the kernel, would take what is before it for all of it.
TEST(SpecTest, NothingEndsAtANul) {
  using std::string_literals::operator""s;
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_file()->set_path("content\0.bak"s);
            }),
            "file.path");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.mutable_listener()->set_bind_address("127.0.0.1\0x"s);
            }),
            "listener.bind_address");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.add_expected()->set_address("192.0.2.7\0x"s);
            }),
            "expected[0].address");
  EXPECT_EQ(WrongField([](auto& spec) { spec.add_allow("192.0.2.0\0x/24"s); }),
            "allow[0]");
  EXPECT_EQ(
      WrongField([](auto& spec) { (*spec.mutable_labels())["a\0b"s] = "x"; }),
      "labels");
  EXPECT_EQ(WrongField([](auto& spec) {
              spec.clear_file();
              spec.mutable_reception()->set_name("receptions/one\0x"s);
            }),
            "reception.name");
}

TEST(SpecTest, LabelsAreBounded) {
  const auto label = [](const std::string& key, const std::string& value) {
    return WrongField(
        [&](auto& spec) { (*spec.mutable_labels())[key] = value; });
  };
  EXPECT_EQ(label("team.example/fleet_1", std::string(255, 'x')), "");
  EXPECT_EQ(label("a", std::string(256, 'x')), "labels");
  EXPECT_EQ(label("", "x"), "labels");
  EXPECT_EQ(label("1a", "x"), "labels");
  EXPECT_EQ(label("A", "x"), "labels");
  EXPECT_EQ(label(std::string(64, 'a'), "x"), "labels");
  EXPECT_EQ(WrongField([](auto& spec) {
              for (int i = 0; i < 65; ++i) {
                (*spec.mutable_labels())["k" + std::to_string(i)] = "x";
              }
            }),
            "labels");
}

// What ToChangedOptions() says of a change.
absl::Status Changed(v1::SessionSpec before,
                     const std::function<void(v1::SessionSpec&)>& change) {
  EXPECT_TRUE(ToOptions(kRules, before).ok());
  NumberExpected(before);
  v1::SessionSpec after = before;
  change(after);
  return ToChangedOptions(kRules, before, after).status();
}

TEST(SpecChangeTest, ListsMayGrowAndNotShrink) {
  v1::SessionSpec spec = FileSpec();
  spec.add_allow("192.0.2.0/24");
  spec.add_expected()->set_address("192.0.2.1");
  EXPECT_TRUE(Changed(spec, [](v1::SessionSpec& after) {
                after.add_allow("198.51.100.0/24");
                after.add_expected()->set_address("198.51.100.1");
              }).ok());
  const absl::Status status = Changed(spec, [](v1::SessionSpec& after) {
    after.clear_allow();
    after.mutable_expected(0)->set_address("192.0.2.2");
    after.mutable_limits()->set_session_bytes_per_second(-1);
  });
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_EQ(WrongFieldsOf(status),
            (std::vector<std::string>{
                "session.spec.allow", "session.spec.expected",
                "session.spec.limits.session_bytes_per_second"}));
}

TEST(SpecChangeTest, WhereEverybodyIsAllowedNoRuleShutsOut) {
  EXPECT_TRUE(
      absl::IsInvalidArgument(Changed(FileSpec(), [](v1::SessionSpec& after) {
        after.add_allow("192.0.2.0/24");
      })));
}

TEST(SpecChangeTest, ItDoesNotExpireBeforeItMayStart) {
  v1::SessionSpec spec = FileSpec();
  spec.mutable_start()->mutable_max_wait()->set_seconds(60);
  EXPECT_TRUE(Changed(spec, [](v1::SessionSpec& after) {
                after.mutable_expire_after()->set_seconds(60);
              }).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(Changed(spec, [](v1::SessionSpec& after) {
    after.mutable_expire_after()->set_seconds(59);
  })));
}

// The numbers are the service's.
TEST(SpecChangeTest, NumbersOfThoseExpectedStay) {
  v1::SessionSpec before = FileSpec();
  before.add_expected()->set_address("192.0.2.1");
  before.mutable_expected(0)->set_number(7);
  v1::SessionSpec after = before;
  after.mutable_expected(0)->set_number(8);
  after.add_expected()->set_address("192.0.2.2");
  after.mutable_expected(1)->set_number(9);
  const auto options = ToChangedOptions(kRules, before, after);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->expected[0].id, 7u);
  EXPECT_EQ(options->expected[1].id, 0u);
}

}  // namespace
}  // namespace tcptool::server
