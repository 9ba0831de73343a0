// What the API says to heads of requests, and to whole calls, of a service
// without credentials.
#include "server/connect/connect_api.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "server/connect/envelope.h"
#include "tests/server/testing.h"

namespace tcptool::server {
namespace {

constexpr char kGet[] = "/tcptool.v1.SessionService/GetSession";
constexpr char kWatch[] = "/tcptool.v1.SessionService/WatchSessions";
constexpr char kUpload[] = "/tcptool.v1.SessionService/UploadContent";
constexpr char kOurs[] = "https://fleet.example";

using Headers = std::vector<std::pair<std::string, std::string>>;

class ConnectApiTest : public testing::Test {
 protected:
  HttpApi::Opened Open(
      const std::string& path, Headers headers,
      HttpApi::Send send = [](const HttpPart&) {},
      std::string method = "POST") {
    return api_->Open({.method = std::move(method),
                       .path = path,
                       .host = "127.0.0.1:9874",
                       .headers = std::move(headers)},
                      {.address = "ipv4:192.0.2.1:1"}, false, std::move(send));
  }
  HttpResponse Refusal(const std::string& path, Headers headers,
                       const std::string& method = "POST") {
    auto opened = Open(
        path, std::move(headers), [](const HttpPart&) {}, method);
    const auto* const response = std::get_if<HttpResponse>(&opened);
    EXPECT_NE(response, nullptr) << path;
    return response == nullptr ? HttpResponse() : *response;
  }
  // All of the answer to a call, whose parts are taken at once.
  HttpResponse Call(const std::string& path, const std::string& type,
                    const std::string& body) {
    std::promise<void> ended;
    HttpResponse response;
    std::shared_ptr<HttpApi::Call> call;
    auto opened = Open(path, {{"content-type", type}}, [&](HttpPart part) {
      std::string bytes = std::move(part.bytes);
      if (part.head) response = *std::move(part.head);
      response.body += bytes;
      if (part.is_last) return ended.set_value();
      call->OnTaken();
    });
    EXPECT_TRUE(std::holds_alternative<std::shared_ptr<HttpApi::Call>>(opened));
    call = std::get<std::shared_ptr<HttpApi::Call>>(opened);
    call->Begin(std::make_shared<const std::string>(body));
    ended.get_future().wait();
    return response;
  }

  InProcessService service_;
  std::unique_ptr<ConnectApi> api_ =
      *ConnectApi::Create({.origins = {kOurs}, .max_message_bytes = 1 << 20},
                          {}, service_.control());
};

TEST_F(ConnectApiTest, AnswersInTheFormOfTheRequest) {
  const std::string name = service_.Create().name();
  HttpResponse response =
      Call(kGet, "application/json", "{\"name\": \"" + name + "\"}");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_TRUE(absl::StartsWith(response.body, "{\"name\":\"" + name + "\""))
      << response.body;
  v1::GetSessionRequest request;
  request.set_name(name);
  response = Call(kGet, "application/proto", request.SerializeAsString());
  v1::Session session;
  ASSERT_TRUE(session.ParseFromString(response.body));
  EXPECT_EQ(session.name(), name);
}

TEST_F(ConnectApiTest, TellsErrorsOfGrpcWithTheirDetails) {
  const HttpResponse response =
      Call(kGet, "application/json", R"({"name": "sessions/absent"})");
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.content_type, "application/json");
  EXPECT_TRUE(absl::StrContains(response.body, R"("code":"not_found")"));
  EXPECT_TRUE(absl::StrContains(response.body, "google.rpc.ErrorInfo"));
}

TEST_F(ConnectApiTest, StreamsEndWithTheirStatus) {
  const HttpResponse response =
      Call(kWatch, "application/connect+json",
           Envelope(R"({"names": ["sessions/absent"]})"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.content_type, "application/connect+json");
  ASSERT_GT(response.body.size(), 5);
  EXPECT_EQ(response.body.front(), 2);
  EXPECT_TRUE(absl::StartsWith(response.body.substr(5),
                               R"({"error":{"code":"not_found")"))
      << response.body;
}

TEST_F(ConnectApiTest, RefusesOtherContentTypes) {
  for (const auto& [path, type] :
       std::vector<std::pair<const char*, const char*>>{
           {kGet, "text/plain"},
           {kGet, "application/connect+json"},
           {kGet, ""},
           {kWatch, "application/json"},
           {kUpload, "application/proto"},
       }) {
    EXPECT_EQ(Refusal(path, {{"content-type", type}}).status, 415)
        << path << " " << type;
  }
}

TEST_F(ConnectApiTest, HasNoOtherMethods) {
  const Headers json = {{"content-type", "application/json"}};
  EXPECT_EQ(Refusal("/tcptool.v1.SessionService/Absent", json).status, 501);
  EXPECT_EQ(Refusal("/tcptool.v1.Absent/GetSession", json).status, 501);
  const HttpResponse upload =
      Refusal(kUpload, {{"content-type", "application/connect+proto"}});
  EXPECT_EQ(upload.status, 200);
  EXPECT_TRUE(absl::StrContains(upload.body, "unimplemented"));
  EXPECT_TRUE(api_->Has("/tcptool.v1.Absent/GetSession"));
  EXPECT_FALSE(api_->Has("/metrics"));
}

TEST_F(ConnectApiTest, HasEachMethodOfTheControlPort) {
  const auto& table = service_.control().dispatcher().methods();
  std::set<std::string> services;
  for (const auto* service : table.services()) {
    services.insert(service->full_name());
    for (int i = 0; i < service->method_count(); ++i) {
      const auto& method = *service->method(i);
      const std::string path =
          absl::StrCat("/", service->full_name(), "/", method.name());
      EXPECT_TRUE(api_->Has(path)) << path;
      const bool is_stream =
          method.client_streaming() || method.server_streaming();
      const auto opened =
          Open(path, {{"content-type", is_stream ? "application/connect+json"
                                                 : "application/json"}});
      const auto* const refusal = std::get_if<HttpResponse>(&opened);
      ASSERT_EQ(refusal != nullptr, method.client_streaming()) << path;
      if (refusal == nullptr) continue;
      EXPECT_TRUE(absl::StrContains(refusal->body, "use gRPC"));
    }
  }
  EXPECT_TRUE(services.contains("grpc.health.v1.Health"));
  EXPECT_TRUE(services.contains("grpc.reflection.v1alpha.ServerReflection"));
}

TEST_F(ConnectApiTest, AnswersHealthChecks) {
  const HttpResponse response =
      Call("/grpc.health.v1.Health/Check", "application/json", "{}");
  EXPECT_EQ(response.body, R"({"status":"SERVING"})");
}

TEST_F(ConnectApiTest, TakesPostsOfItsOwnHostAndOrigins) {
  const Headers json = {{"content-type", "application/json"}};
  EXPECT_EQ(Refusal(kGet, json, "GET").status, 405);
  EXPECT_EQ(Refusal(kGet, json, "OPTIONS").status, 405);
  EXPECT_EQ(Refusal(kGet, {{"origin", kOurs}}, "OPTIONS").status, 204);
  EXPECT_EQ(
      Refusal(kGet, {{"origin", "https://evil.example"}}, "OPTIONS").status,
      403);
  EXPECT_EQ(Refusal(kGet, {{"content-type", "application/json"},
                           {"origin", "https://evil.example"}})
                .status,
            403);
  const auto opened = api_->Open(
      {.method = "POST", .path = kGet, .host = "evil.example", .headers = json},
      {}, false, [](const HttpPart&) {});
  EXPECT_EQ(std::get<HttpResponse>(opened).status, 421);
}

TEST_F(ConnectApiTest, RefusesWhatGrpcTakesForNoMetadata) {
  EXPECT_EQ(Refusal(kGet, {{"content-type", "application/json"},
                           {"authorization", "Bearer \xff"}})
                .status,
            400);
}

TEST_F(ConnectApiTest, AnswersOnceTheServerHasStopped) {
  Call(kGet, "application/json", "{}");
  api_->Stop();
  service_.control().Stop(std::chrono::milliseconds(0));
  const HttpResponse response = Call(kGet, "application/json", "{}");
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(absl::StrContains(response.body, "SERVICE_STOPPING"))
      << response.body;
  const HttpResponse stream =
      Call(kWatch, "application/connect+json", Envelope("{}"));
  EXPECT_EQ(stream.status, 200);
  EXPECT_TRUE(absl::StrContains(stream.body, R"("code":"unavailable")"));
}

TEST_F(ConnectApiTest, StopsAmongRequestsThatWaitToBeParsed) {
  constexpr int kCalls = 20;
  std::vector<std::shared_ptr<HttpApi::Call>> calls;
  std::vector<std::promise<void>> ended(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    auto opened = Open(kGet, {{"content-type", "application/json"}},
                       [&ended, i](const HttpPart& part) {
                         if (part.is_last) ended[i].set_value();
                       });
    calls.push_back(std::get<std::shared_ptr<HttpApi::Call>>(opened));
  }
  absl::Notification begins;
  std::thread beginner([&] {
    for (const auto& call : calls) {
      call->Begin(std::make_shared<const std::string>(
          R"({"name": "sessions/absent"})"));
      if (call == calls[kCalls / 2]) begins.Notify();
    }
  });
  begins.WaitForNotification();
  api_->Stop();
  service_.control().Stop(std::chrono::milliseconds(0));
  beginner.join();
  // Each has an answer, whichever it is.
  for (auto& one : ended) one.get_future().wait();
}

TEST_F(ConnectApiTest, NobodyCanSayWhoHeIs) {
  // What a client sends besides is not passed on, and would be worth nothing.
  auto& callers = service_.control().dispatcher().vouched_peers();
  const auto voucher = callers.Vouch({.address = "of somebody else"});
  Call(kGet, "application/json", "{}");
  EXPECT_EQ(callers.Take("guessed"), nullptr);
  EXPECT_NE(callers.Take(voucher.name()), nullptr);
  EXPECT_EQ(callers.Take(voucher.name()), nullptr);
}

}  // namespace
}  // namespace tcptool::server
