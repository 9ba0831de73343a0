// Which tokens begin a page, and which are refused.
#include "server/api/page_token.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace tcptool::server {
namespace {

// The token with another place where the page begins.
std::string Forge(const std::string& token, absl::string_view begin) {
  std::string text;
  EXPECT_TRUE(absl::WebSafeBase64Unescape(token, &text));
  return absl::WebSafeBase64Escape(
      absl::StrCat(begin, text.substr(text.rfind('.'))));
}

template <typename Kind, typename Request>
bool IsRefused(const Request& request) {
  const absl::Status status = Kind::Of(request).status();
  return absl::IsInvalidArgument(status) &&
         status.message().substr(0, 12) == "page_token: ";
}

TEST(PageTest, TokenBelongsToItsRequest) {
  v1::ListSessionsRequest request;
  (*request.mutable_labels())["a"] = "1";
  (*request.mutable_labels())["b"] = "2";
  request.set_page_token(Page::Of(request)->Token(42));
  request.set_page_size(7);  // May change.
  ASSERT_TRUE(Page::Of(request).ok());
  EXPECT_EQ(Page::Of(request)->begin, 42u);
  (*request.mutable_labels())["b"] = "3";
  EXPECT_TRUE(absl::IsInvalidArgument(Page::Of(request).status()));
}

TEST(PageTest, SizesAreBounded) {
  v1::ListRecipientsRequest request;
  EXPECT_EQ(Page::Of(request)->size, 100);
  request.set_page_size(5000);
  EXPECT_EQ(Page::Of(request)->size, 1000);
  request.set_page_size(-1);
  EXPECT_TRUE(absl::IsInvalidArgument(Page::Of(request).status()));
}

// Requests without fields are alike.
TEST(PageTest, TokenBelongsToItsListing) {
  const std::string token = Page::Of(v1::ListSessionsRequest())->Token(42);
  v1::ListSessionsRequest sessions;
  sessions.set_page_token(token);
  EXPECT_EQ(Page::Of(sessions)->begin, 42u);
  v1::ListReceptionsRequest receptions;
  receptions.set_page_token(token);
  EXPECT_TRUE(IsRefused<Page>(receptions));
  v1::ListDistributionsRequest distributions;
  distributions.set_page_token(token);
  EXPECT_TRUE(IsRefused<Page>(distributions));
  v1::ListNodesRequest nodes;
  nodes.set_page_token(token);
  EXPECT_TRUE(IsRefused<NamePage>(nodes));
  v1::ListDeliveriesRequest deliveries;
  deliveries.set_page_token(NamePage::Of(v1::ListNodesRequest())->Token("n1"));
  EXPECT_TRUE(IsRefused<NamePage>(deliveries));
}

TEST(PageTest, TokenOfDeliveriesBelongsToTheirDistribution) {
  v1::ListDeliveriesRequest request;
  request.set_parent("distributions/a");
  request.set_page_token(NamePage::Of(request)->Token("node.rack-1.example"));
  EXPECT_EQ(NamePage::Of(request)->begin, "node.rack-1.example");
  request.set_parent("distributions/b");
  EXPECT_TRUE(IsRefused<NamePage>(request));
}

TEST(PageTest, TokenOfRecipientsHasHowManyWereExpected) {
  v1::ListRecipientsRequest request;
  const std::string token = Page::Of(request)->Token(7, 3);
  request.set_page_token(token);
  EXPECT_EQ(Page::Of(request)->begin, 7u);
  EXPECT_EQ(Page::Of(request)->expected, 3u);
  request.set_page_token(Forge(token, "7"));  // As they were before.
  EXPECT_EQ(Page::Of(request)->begin, 7u);
  EXPECT_EQ(Page::Of(request)->expected, std::nullopt);
  for (const char* begin : {"7.", ".3", "7.x", "7.3.1", "7.-3"}) {
    request.set_page_token(Forge(token, begin));
    EXPECT_TRUE(IsRefused<Page>(request)) << begin;
  }
}

TEST(PageTest, WhatIsNoTokenIsRefused) {
  v1::ListDistributionsRequest request;
  const std::string token = Page::Of(request)->Token(7);
  for (const std::string& forged :
       {std::string("7"), std::string("=="), std::string("\0", 1), token + "!",
        absl::WebSafeBase64Escape("7"), absl::WebSafeBase64Escape("7."),
        absl::WebSafeBase64Escape("7.x"), absl::WebSafeBase64Escape("."),
        absl::WebSafeBase64Escape(std::string(100'000, '7')), Forge(token, ""),
        Forge(token, "n1"), Forge(token, "-7"), Forge(token, "7.0"),
        Forge(token, "18446744073709551616")}) {
    request.set_page_token(forged);
    EXPECT_TRUE(IsRefused<Page>(request)) << forged.substr(0, 100);
  }
}

}  // namespace
}  // namespace tcptool::server
