// What a spec asks of TLS and of certificates: what is refused, and what the
// data plane gets of it.
#include "server/api/encryption.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "server/api/spec.h"

namespace tcptool::server {
namespace {

SpecRules Rules(const DataTlsRules& data_tls) {
  return {.data_address = asio::ip::make_address("192.0.2.1"),
          .first_port = 9876,
          .last_port = 9975,
          .max_recipients = 10'000,
          .data_tls = data_tls};
}

DataTlsRules WithCertificate(bool client_certificates) {
  return {.context = [] { return std::shared_ptr<SSL_CTX>(); },
          .client_certificates = client_certificates};
}

const SpecRules kNoTls = Rules({});
const SpecRules kTls = Rules(WithCertificate(false));
const SpecRules kMutualTls = Rules(WithCertificate(true));

v1::SessionSpec FileSpec() {
  v1::SessionSpec spec;
  spec.mutable_file()->set_root("files");
  spec.mutable_file()->set_path("content");
  return spec;
}

v1::SessionSpec EncryptedSpec() {
  v1::SessionSpec spec = FileSpec();
  spec.mutable_encryption();
  return spec;
}

// The path of the field that is wrong in `spec`; empty: none is.
std::string WrongField(v1::SessionSpec spec) {
  const absl::Status status = ToOptions(kMutualTls, spec).status();
  if (status.ok()) return "";
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  const std::string message(status.message());
  return message.substr(0, message.find(": "));
}

// What a precondition's details call its reason and its subject.
std::string Unmet(const absl::Status& status) {
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  google::rpc::PreconditionFailure failure;
  const auto detail =
      status.GetPayload("type.googleapis.com/google.rpc.PreconditionFailure");
  if (!detail || !failure.ParseFromString(std::string(*detail))) return "";
  return failure.violations(0).type() + " " + failure.violations(0).subject();
}

TEST(EncryptionTest, ContentIsInClearTextUnlessTheSpecSaysOtherwise) {
  v1::SessionSpec spec = FileSpec();
  const auto clear = ToOptions(kMutualTls, spec);
  ASSERT_TRUE(clear.ok()) << clear.status();
  EXPECT_EQ(clear->tls, nullptr);
  spec = EncryptedSpec();
  const auto encrypted = ToOptions(kTls, spec);
  ASSERT_TRUE(encrypted.ok()) << encrypted.status();
  ASSERT_NE(encrypted->tls, nullptr);
  EXPECT_FALSE(encrypted->tls->requires_certificate);
  EXPECT_TRUE(encrypted->tls->names.empty());
}

TEST(EncryptionTest, WhereTheNodeHasAClientCaEachRecipientNeedsACertificate) {
  v1::SessionSpec spec = EncryptedSpec();
  spec.mutable_encryption()->add_client_names("dns:node-1.example");
  v1::ExpectedRecipient& expected = *spec.add_expected();
  expected.set_identity("dns:node-1.example");
  expected.set_label("one");
  const auto options = ToOptions(kMutualTls, spec);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_TRUE(options->tls->requires_certificate);
  EXPECT_EQ(options->tls->names,
            std::vector<std::string>{"dns:node-1.example"});
  ASSERT_EQ(options->expected.size(), 1u);
  EXPECT_EQ(options->expected[0].identity, "dns:node-1.example");
  EXPECT_EQ(options->expected[0].label, "one");
}

TEST(EncryptionTest, WhatTheNodeLacksHasAReasonOfItsOwn) {
  v1::SessionSpec spec = EncryptedSpec();
  EXPECT_EQ(Unmet(ToOptions(kNoTls, spec).status()),
            "NO_DATA_CERTIFICATE session.spec.encryption");
  spec.mutable_encryption()->add_client_names("cn:a");
  EXPECT_EQ(Unmet(ToOptions(kTls, spec).status()),
            "NO_DATA_CLIENT_CA session.spec.encryption.client_names");
  spec = EncryptedSpec();
  spec.add_expected()->set_identity("cn:a");
  EXPECT_EQ(Unmet(ToOptions(kTls, spec).status()),
            "NO_DATA_CLIENT_CA session.spec.expected");
}

TEST(EncryptionTest, NamesOfCertificatesHaveAKind) {
  for (const std::string& name :
       {std::string("cn:a"), std::string("dns:*.example"),
        std::string("uri:spiffe://example/a?b=c"),
        "cn:" + std::string(252, 'a')}) {
    EXPECT_EQ(WhyNoCertificateName(name), "") << name;
  }
  for (const std::string& name :
       {std::string(), std::string("a"), std::string("cn:"),
        std::string("DNS:a"), std::string("email:a@example"),
        "cn:" + std::string(253, 'a')}) {
    EXPECT_NE(WhyNoCertificateName(name), "") << name;
    v1::SessionSpec spec = EncryptedSpec();
    spec.mutable_encryption()->add_client_names("cn:a");
    spec.mutable_encryption()->add_client_names(name);
    EXPECT_EQ(WrongField(spec), "session.spec.encryption.client_names[1]")
        << name;
  }
  v1::SessionSpec many = EncryptedSpec();
  for (int i = 0; i < 10'000; ++i) {
    many.mutable_encryption()->add_client_names("cn:a");
  }
  EXPECT_EQ(WrongField(many), "");
  many.mutable_encryption()->add_client_names("cn:a");
  EXPECT_EQ(WrongField(many), "session.spec.encryption.client_names");
}

TEST(EncryptionTest, OneIsExpectedByAnAddressOrByAName) {
  v1::SessionSpec spec = EncryptedSpec();
  spec.add_allow("192.0.2.0/24");
  spec.add_expected()->set_address("192.0.2.7");
  // Wherever it is.
  spec.add_expected()->set_identity("cn:a");
  EXPECT_EQ(WrongField(spec), "");
  v1::SessionSpec both = spec;
  both.mutable_expected(1)->set_address("192.0.2.8");
  EXPECT_EQ(WrongField(both), "session.spec.expected[1].identity");
  v1::SessionSpec none = spec;
  none.mutable_expected(1)->clear_identity();
  EXPECT_EQ(WrongField(none), "session.spec.expected[1].address");
  v1::SessionSpec no_name = spec;
  no_name.mutable_expected(1)->set_identity("a");
  EXPECT_EQ(WrongField(no_name), "session.spec.expected[1].identity");
  v1::SessionSpec clear_text = spec;
  clear_text.clear_encryption();
  EXPECT_EQ(WrongField(clear_text), "session.spec.expected[1].identity");
  v1::SessionSpec shut_out = spec;
  shut_out.mutable_encryption()->add_client_names("cn:b");
  EXPECT_EQ(WrongField(shut_out), "session.spec.expected[1].identity");
}

TEST(EncryptionTest, ASessionMayExpectMoreByTheirNames) {
  v1::SessionSpec before = EncryptedSpec();
  before.add_expected()->set_address("192.0.2.7");
  ASSERT_TRUE(ToOptions(kTls, before).ok());
  NumberExpected(before);
  v1::SessionSpec after = before;
  after.add_expected()->set_identity("cn:a");
  const auto options = ToChangedOptions(kMutualTls, before, after);
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_EQ(options->expected.size(), 2u);
  EXPECT_EQ(options->expected[1].identity, "cn:a");
  EXPECT_EQ(Unmet(ToChangedOptions(kTls, before, after).status()),
            "NO_DATA_CLIENT_CA session.spec.expected");
  // Those whom it expects stay who they are.
  v1::SessionSpec other = after;
  other.mutable_expected(1)->set_identity("cn:b");
  EXPECT_TRUE(absl::IsInvalidArgument(
      ToChangedOptions(kMutualTls, after, other).status()));
  // What has nothing to do with it changes also where the certificate is gone.
  v1::SessionSpec labelled = after;
  (*labelled.mutable_labels())["a"] = "b";
  EXPECT_TRUE(ToChangedOptions(kNoTls, after, labelled).ok());
}

}  // namespace
}  // namespace tcptool::server
