#include "server/connect/origins.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tcptool::server {
namespace {

constexpr char kOurs[] = "https://fleet.example";

HttpRequest From(const std::string& origin) {
  return {.method = "POST", .headers = {{"origin", origin}}};
}

bool Has(const Origins::Headers& headers, const std::string& name,
         const std::string& value) {
  return std::ranges::find(headers, std::pair(name, value)) != headers.end();
}

TEST(OriginsTest, AllowsThoseThatAreNamed) {
  const Origins origins({kOurs});
  EXPECT_TRUE(origins.Allows(From(kOurs)));
  EXPECT_TRUE(origins.Allows({.method = "POST"}));
  for (const char* other :
       {"null", "*", "", "http://fleet.example", "https://fleet.example:444",
        "https://fleet.example.evil", "https://FLEET.example"}) {
    EXPECT_FALSE(origins.Allows(From(other))) << other;
    EXPECT_FALSE(Has(origins.HeadersFor(From(other)),
                     "Access-Control-Allow-Origin", other));
  }
  EXPECT_TRUE(Has(origins.HeadersFor(From(kOurs)),
                  "Access-Control-Allow-Origin", kOurs));
  EXPECT_TRUE(Has(origins.HeadersFor({}), "Vary", "Origin"));
}

TEST(OriginsTest, AllowsNoneWithoutNames) {
  const Origins origins({});
  EXPECT_FALSE(origins.Allows(From(kOurs)));
  EXPECT_TRUE(origins.Allows({.method = "POST"}));
  EXPECT_TRUE(origins.HeadersFor(From(kOurs)).empty());
}

TEST(OriginsTest, TellsBrowsersWhatTheyMaySend) {
  const HttpResponse response = Origins({kOurs}).Preflight(From(kOurs));
  EXPECT_EQ(response.status, 204);
  EXPECT_TRUE(Has(response.headers, "Access-Control-Allow-Origin", kOurs));
  EXPECT_TRUE(Has(response.headers, "Access-Control-Allow-Methods", "POST"));
}

TEST(IsOriginTest, IsWhatBrowsersSend) {
  for (const char* good : {"https://fleet.example", "http://localhost:8080",
                           "http://[::1]:3000"}) {
    EXPECT_TRUE(IsOrigin(good)) << good;
  }
  for (const char* wrong :
       {"", "*", "null", "fleet.example", "https://", "https://fleet.example/",
        "https://Fleet.example", "https://fleet.example:443",
        "http://fleet.example:80", "ftp://fleet.example", "https://a b"}) {
    EXPECT_FALSE(IsOrigin(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace tcptool::server
