// What is wrong with a request by itself.
#include "server/api/request_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/api/grpc_status.h"
#include "server/api/names.h"
#include "tests/server/error_reason.h"

namespace tcptool::server {
namespace {

using ::testing::ElementsAre;

TEST(NamesTest, SessionNamesHaveOneForm) {
  EXPECT_TRUE(IsSessionName("sessions/a"));
  EXPECT_TRUE(IsSessionName("sessions/" + std::string(63, 'a')));
  for (const char* name :
       {"", "a", "sessions", "sessions/", "sessions/A", "sessions/1a",
        "sessions/a-", "sessions/a/b", "/sessions/a", "sessions/a\n"}) {
    EXPECT_FALSE(IsSessionName(name)) << name;
  }
  EXPECT_FALSE(IsSessionName("sessions/" + std::string(64, 'a')));
}

TEST(NamesTest, ReceptionsAreNoSessions) {
  EXPECT_TRUE(IsReceptionName("receptions/a"));
  EXPECT_FALSE(IsReceptionName("sessions/a"));
  EXPECT_FALSE(IsReceptionName("receptions/A"));
  EXPECT_FALSE(IsSessionName("receptions/a"));
}

TEST(NamesTest, RecipientHasOneNameOnly) {
  EXPECT_EQ(RecipientNumber("sessions/a/recipients/7"), 7u);
  EXPECT_EQ(SessionOf("sessions/a/recipients/7"), "sessions/a");
  for (const char* name :
       {"", "7", "sessions/a", "sessions/a/recipients/",
        "sessions/a/recipients/07", "sessions/a/recipients/+7",
        "sessions/a/recipients/-7", "sessions/a/recipients/ 7",
        "sessions/a/recipients/7/", "sessions//recipients/7",
        "sessions/a/recipients/99999999999999999999"}) {
    EXPECT_FALSE(RecipientNumber(name)) << name;
  }
}

TEST(NamesTest, DeliveriesAreBelowTheirDistributions) {
  const auto delivery = ParseDeliveryName("distributions/a/deliveries/Node.1");
  ASSERT_TRUE(delivery);
  EXPECT_EQ(delivery->distribution, "distributions/a");
  EXPECT_EQ(delivery->node, "Node.1");
  for (const std::string& name :
       {std::string(), std::string("distributions/a"),
        std::string("distributions/a/deliveries/"),
        std::string("distributions/A/deliveries/n"),
        std::string("distributions//deliveries/n"),
        std::string("distributions/a/deliveries/n/m"),
        "distributions/a/deliveries/" + std::string(65, 'n')}) {
    EXPECT_FALSE(ParseDeliveryName(name)) << name;
  }
}

TEST(NamesTest, NodesHaveNamesOfOnePart) {
  EXPECT_EQ(ParseFleetNodeName("nodes/Node.1"), "Node.1");
  for (const char* name : {"", "nodes", "nodes/", "nodes/a/b", "node/a", "a"}) {
    EXPECT_FALSE(ParseFleetNodeName(name)) << name;
  }
}

TEST(RequestsTest, WhatIsReadByItsNameHasOne) {
  v1::GetRecipientRequest recipient;
  EXPECT_EQ(CheckRequest(recipient).message().substr(0, 6), "name: ");
  recipient.set_name("sessions/a/recipients/1");
  EXPECT_TRUE(CheckRequest(recipient).ok());
  v1::GetDeliveryRequest delivery;
  delivery.set_name("distributions/a");
  EXPECT_EQ(CheckRequest(delivery).message(),
            "name: \"distributions/a\" is no delivery's name; they look like "
            "distributions/ID/deliveries/NODE");
  delivery.set_name("distributions/a/deliveries/n");
  EXPECT_TRUE(CheckRequest(delivery).ok());
  v1::GetFleetNodeRequest node;
  node.set_name("n");
  EXPECT_EQ(CheckRequest(node).message().substr(0, 6), "name: ");
  node.set_name("nodes/n");
  EXPECT_TRUE(CheckRequest(node).ok());
}

TEST(RequestsTest, NodesOfTooManyRacksAreRefused) {
  v1::ListNodesRequest request;
  for (int i = 0; i < 1000; ++i) request.add_racks("a");
  EXPECT_TRUE(CheckRequest(request).ok());
  request.add_racks("a");
  EXPECT_EQ(CheckRequest(request).message().substr(0, 7), "racks: ");
}

TEST(RequestsTest, ReceptionsAreCheckedAsSessionsAre) {
  v1::CreateReceptionRequest create;
  EXPECT_TRUE(CheckRequest(create).ok());
  create.set_reception_id("A");
  EXPECT_EQ(CheckRequest(create).message().substr(0, 14), "reception_id: ");
  create.set_reception_id("a");
  create.set_request_id(std::string(65, 'a'));
  EXPECT_EQ(CheckRequest(create).message().substr(0, 12), "request_id: ");
  v1::GetReceptionRequest get;
  get.set_name("sessions/a");
  EXPECT_EQ(CheckRequest(get).message().substr(0, 6), "name: ");
  v1::CancelReceptionRequest cancel;
  EXPECT_EQ(CheckRequest(cancel).message().substr(0, 6), "name: ");
  v1::DeleteReceptionRequest remove;
  remove.set_name("receptions/a");
  EXPECT_TRUE(CheckRequest(remove).ok());
  v1::WatchReceptionsRequest watch;
  watch.add_names("receptions/a");
  EXPECT_TRUE(CheckRequest(watch).ok());
  watch.add_names("sessions/a");
  EXPECT_EQ(CheckRequest(watch).message().substr(0, 10), "names[1]: ");
  watch.clear_names();
  watch.set_resume_revision(-1);
  EXPECT_EQ(CheckRequest(watch).message().substr(0, 17), "resume_revision: ");
  v1::ListReceptionsRequest list;
  list.add_states(v1::RECEPTION_STATE_UNSPECIFIED);
  EXPECT_EQ(CheckRequest(list).message().substr(0, 11), "states[0]: ");
}

TEST(RequestsTest, ARetryNamesASession) {
  v1::RetrySessionRequest request;
  EXPECT_EQ(CheckRequest(request).message().substr(0, 6), "name: ");
  request.set_name("sessions/a");
  EXPECT_TRUE(CheckRequest(request).ok());
  request.set_request_id("\n");
  EXPECT_EQ(CheckRequest(request).message().substr(0, 12), "request_id: ");
}

TEST(RequestsTest, AWaitHasATimeThatIsNotNegative) {
  v1::WaitSessionRequest request;
  EXPECT_EQ(CheckRequest(request).message().substr(0, 6), "name: ");
  request.set_name("sessions/a");
  EXPECT_TRUE(CheckRequest(request).ok());
  request.mutable_timeout()->set_seconds(1'000'000'000'000);
  EXPECT_TRUE(CheckRequest(request).ok());
  request.mutable_timeout()->set_seconds(-1);
  EXPECT_EQ(CheckRequest(request).message().substr(0, 9), "timeout: ");
  request.mutable_timeout()->set_seconds(1);
  request.mutable_timeout()->set_nanos(-1);
  EXPECT_EQ(CheckRequest(request).message().substr(0, 9), "timeout: ");
  request.mutable_timeout()->set_seconds(0);
  request.mutable_timeout()->set_nanos(1'000'000'000);
  EXPECT_EQ(CheckRequest(request).message().substr(0, 9), "timeout: ");
}

TEST(RequestsTest, StatesThatAreNoneAreNamed) {
  v1::ListSessionsRequest request;
  request.add_states(v1::SESSION_STATE_WAITING);
  EXPECT_TRUE(CheckRequest(request).ok());
  request.add_states(static_cast<v1::SessionState>(99));
  const absl::Status status = CheckRequest(request);
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(status.message(), "states[1]: 99 is no state");
}

TEST(RequestsTest, WatchOfTooManyNamesIsRefused) {
  v1::WatchSessionsRequest request;
  for (int i = 0; i < 1000; ++i) request.add_names("sessions/a");
  EXPECT_TRUE(CheckRequest(request).ok());
  request.add_names("sessions/a");
  EXPECT_TRUE(absl::IsInvalidArgument(CheckRequest(request)));
}

TEST(RequestsTest, AllWrongFieldsOfAWatchAreNamed) {
  v1::WatchSessionsRequest watch;
  watch.add_names("sessions/a");
  watch.add_names("a");
  watch.set_resume_revision(-1);
  EXPECT_THAT(WrongFieldsOf(CheckRequest(watch)),
              ElementsAre("names[1]", "resume_revision"));
}

// All that lists have: each is wrong.
template <typename Request>
Request WrongList() {
  Request request;
  request.set_page_size(-1);
  request.set_page_token("forged");
  if constexpr (requires { request.parent(); }) request.set_parent("a");
  if constexpr (requires { request.root(); }) {
    request.set_path(std::string(1, '\0'));
  }
  if constexpr (requires { request.states(); })
    request.mutable_states()->Add(0);
  return request;
}

TEST(RequestsTest, AllWrongFieldsOfAListAreNamed) {
  auto recipients = WrongList<v1::ListRecipientsRequest>();
  recipients.mutable_recipient_filter()->add_addresses("nowhere");
  EXPECT_THAT(
      WrongFieldsOf(CheckRequest(recipients)),
      ElementsAre("parent", "states[0]", "recipient_filter.addresses[0]",
                  "page_size", "page_token"));
  auto sessions = WrongList<v1::ListSessionsRequest>();
  sessions.mutable_session_filter()->set_name_prefix("A");
  sessions.set_view(static_cast<v1::View>(99));
  EXPECT_THAT(WrongFieldsOf(CheckRequest(sessions)),
              ElementsAre("states[0]", "view", "session_filter.name_prefix",
                          "page_size", "page_token"));
  const auto of_states = ElementsAre("states[0]", "page_size", "page_token");
  EXPECT_THAT(
      WrongFieldsOf(CheckRequest(WrongList<v1::ListReceptionsRequest>())),
      of_states);
  EXPECT_THAT(
      WrongFieldsOf(CheckRequest(WrongList<v1::ListDistributionsRequest>())),
      of_states);
  EXPECT_THAT(
      WrongFieldsOf(CheckRequest(WrongList<v1::ListDeliveriesRequest>())),
      ElementsAre("parent", "states[0]", "page_size", "page_token"));
  auto nodes = WrongList<v1::ListNodesRequest>();
  for (int i = 0; i <= 1000; ++i) nodes.add_racks("a");
  EXPECT_THAT(WrongFieldsOf(CheckRequest(nodes)),
              ElementsAre("racks", "page_size", "page_token"));
  EXPECT_THAT(WrongFieldsOf(CheckRequest(WrongList<v1::ListFilesRequest>())),
              ElementsAre("root", "path", "page_size", "page_token"));
}

TEST(RequestsTest, AllWrongFieldsOfAWaitAreNamed) {
  v1::WaitSessionRequest wait;
  wait.mutable_timeout()->set_seconds(-1);
  EXPECT_THAT(WrongFieldsOf(CheckRequest(wait)),
              ElementsAre("name", "timeout"));
}

TEST(RequestsTest, AllWrongFieldsBesideASpecAreNamed) {
  v1::CreateReceptionRequest create;
  create.set_reception_id("A");
  create.set_request_id("\n");
  create.mutable_reception()->mutable_spec()->mutable_upload();
  EXPECT_THAT(
      WrongFieldsOf(CheckRequest(create)),
      ElementsAre("reception_id", "request_id", "reception.spec.upload"));
}

TEST(GrpcStatusTest, LongMessageIsCutBetweenCharacters) {
  std::string quoted = "x";
  for (int i = 0; i < 5000; ++i) quoted += "\u00fc";
  const grpc::Status status = ToGrpc(absl::NotFoundError(quoted));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  const std::string& message = status.error_message();
  EXPECT_LT(message.size(), 2100u);
  ASSERT_GT(message.size(), 3u);
  // Two bytes each, after the first.
  EXPECT_EQ((message.size() - 1 - 3) % 2, 0u);
  EXPECT_EQ(message.substr(message.size() - 5), "\u00fc...");
}

}  // namespace
}  // namespace tcptool::server
