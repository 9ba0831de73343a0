#include "server/http/session_texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

namespace tcptool::server {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(SessionTextsTest, ProgressIsAPartOfWhatAllAreToGet) {
  v1::Session session;
  session.set_content_length(1000);
  session.mutable_counts()->set_delivered(1);
  session.mutable_counts()->set_expected(3);
  session.set_bytes_acked(1000);
  EXPECT_THAT(ProgressOf(session), HasSubstr("25%"));
}

// The length of an upload is what its client says.
TEST(SessionTextsTest, ProgressOfMoreThanAnIntegerHasRoomFor) {
  v1::Session session;
  session.set_content_length(int64_t{1} << 62);
  session.mutable_counts()->set_expected(4);
  session.set_bytes_acked(int64_t{1} << 62);
  EXPECT_THAT(ProgressOf(session), HasSubstr("25%"));
}

TEST(SessionTextsTest, NoBarWhereTheLengthIsNotKnown) {
  v1::Session session;
  session.mutable_counts()->set_expected(3);
  session.set_bytes_acked(1000);
  EXPECT_THAT(ProgressOf(session), Not(HasSubstr("%")));
}

}  // namespace
}  // namespace tcptool::server
