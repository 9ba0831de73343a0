// What receptions that are gone have left is cleared, and nothing else.
#include "dataplane/receiving/partial_sweep.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/dataplane/receiving/files.h"

namespace tcptool::dataplane {
namespace {

using Names = std::set<std::string>;

class PartialSweepTest : public testing::Test {
 protected:
  // Leaves a partial file and its map behind, last written so long ago.
  void Leave(const std::string& id, absl::Duration age) {
    Destination destination = folder_.To("content");
    destination.id = id;
    destination.resumable = true;
    ASSERT_TRUE(
        PartialFile::Create(FileApi::Real(), std::move(destination)).ok());
    for (const char* suffix : {"", kMapSuffix}) {
      SetAge(absl::StrCat(kPartialPrefix, id, suffix), age);
    }
  }
  void SetAge(const std::string& name, absl::Duration age) {
    std::filesystem::last_write_time(
        folder_.path(name), std::filesystem::file_time_type::clock::now() -
                                absl::ToChronoSeconds(age));
  }
  size_t Sweep(const SweepLimits& limits, const Names& known = {}) {
    const auto removed = SweepPartialFiles(
        FileApi::Real(), folder_.Open().get(),
        [&known](const std::string& id) { return known.contains(id); }, limits);
    EXPECT_TRUE(removed.ok()) << removed.status();
    return removed.value_or(0);
  }

  const Folder folder_;
};

TEST_F(PartialSweepTest, RemovesThoseThatAreTooOld) {
  Leave("old", absl::Hours(3));
  Leave("young", absl::Hours(1));
  EXPECT_EQ(Sweep({.max_age = absl::Hours(2)}), 2u);
  EXPECT_EQ(folder_.Names(),
            (Names{".tcptool-part.young", ".tcptool-part.young.map"}));
}

TEST_F(PartialSweepTest, KeepsAsManyAsAllowedOfTheYoungest) {
  for (int i = 0; i < 5; ++i) Leave(absl::StrCat("r", i), absl::Minutes(9 - i));
  EXPECT_EQ(Sweep({.max_age = absl::Hours(2), .max_count = 2}), 6u);
  EXPECT_EQ(folder_.Names(),
            (Names{".tcptool-part.r3", ".tcptool-part.r3.map",
                   ".tcptool-part.r4", ".tcptool-part.r4.map"}));
}

TEST_F(PartialSweepTest, LeavesThoseThatAreKnownOrOpen) {
  Leave("known", absl::Hours(3));
  Destination destination = folder_.To("content");
  destination.id = "open";
  const auto open =
      PartialFile::Create(FileApi::Real(), std::move(destination));
  SetAge(".tcptool-part.open", absl::Hours(3));
  EXPECT_EQ(Sweep({.max_age = absl::ZeroDuration(), .max_count = 0}, {"known"}),
            0u);
  EXPECT_EQ(folder_.Names(),
            (Names{".tcptool-part.known", ".tcptool-part.known.map",
                   ".tcptool-part.open"}));
}

TEST_F(PartialSweepTest, RemovesMapsThatAreAlone) {
  folder_.Put(".tcptool-part.alone.map", "");
  folder_.Put(".tcptool-part.fresh.map", "");
  SetAge(".tcptool-part.alone.map", absl::Minutes(2));
  EXPECT_EQ(Sweep({}), 1u);
  EXPECT_EQ(folder_.Names(), (Names{".tcptool-part.fresh.map"}));
  // As of a reception that was killed when its content had just got its name.
  EXPECT_EQ(Sweep({.max_age = absl::ZeroDuration(), .max_count = 0}), 1u);
  EXPECT_EQ(folder_.Names(), Names{});
}

TEST_F(PartialSweepTest, TouchesNothingElse) {
  folder_.Put("content", "");
  folder_.Put(".tcptool-parts", "");
  std::filesystem::create_directory(folder_.path(".tcptool-part.folder"));
  std::filesystem::create_symlink("content",
                                  folder_.path(".tcptool-part.link"));
  const Names before = folder_.Names();
  EXPECT_EQ(Sweep({.max_age = absl::ZeroDuration(), .max_count = 0}), 0u);
  EXPECT_EQ(folder_.Names(), before);
}

TEST_F(PartialSweepTest, SaysWhyItCannot) {
  FaultyFiles files([](FaultyFiles::Call) { return -EACCES; });
  EXPECT_TRUE(absl::IsPermissionDenied(
      SweepPartialFiles(files, folder_.Open().get(),
                        [](const std::string&) { return false; }, {})
          .status()));
}

}  // namespace
}  // namespace tcptool::dataplane
