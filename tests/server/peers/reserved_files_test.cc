// How many of the reserved descriptors files for other nodes may have.
#include "server/peers/reserved_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "dataplane/base/descriptor_reserve.h"

namespace tcptool::server {
namespace {

using dataplane::RandomAccessFile;

std::shared_ptr<RandomAccessFile> AnyFile() {
  return RandomAccessFile::FromDescriptor(
      open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
}

TEST(ReservedFilesTest, AsManyAsAreAllowedAndAsAreLetGoOf) {
  auto files = std::make_unique<ReservedFiles>(
      ReservedFiles::Limits{.first_reserved = 0, .most = 2});
  auto first = files->Admit(AnyFile());
  const auto second = files->Admit(AnyFile());
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(absl::IsResourceExhausted(files->Admit(AnyFile()).status()));
  EXPECT_TRUE((*second)->State().ok());
  // One reference of two.
  ReservedFiles::File also = *first;
  first = absl::UnknownError("");
  EXPECT_TRUE(absl::IsResourceExhausted(files->Admit(AnyFile()).status()));
  also = nullptr;
  EXPECT_TRUE(files->Admit(AnyFile()).ok());
  // It goes before its files.
  files = nullptr;
  EXPECT_TRUE((*second)->State().ok());
}

TEST(ReservedFilesTest, OthersAreNotCounted) {
  auto file = AnyFile();
  ReservedFiles files({.first_reserved = file->descriptor() + 1, .most = 0});
  EXPECT_TRUE(files.Admit(std::move(file)).ok());
}

TEST(ReservedFilesTest, NodesLeaveSevenEighthsOfTheReserve) {
  const auto descriptors = dataplane::DescriptorReserve::Now();
  const auto limits = ReservedFiles::Limits::Now();
  EXPECT_EQ(limits.first_reserved, descriptors.first_reserved());
  EXPECT_EQ(limits.most, static_cast<size_t>(descriptors.reserve / 8));
}

}  // namespace
}  // namespace tcptool::server
