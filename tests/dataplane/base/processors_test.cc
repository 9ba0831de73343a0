#include "dataplane/base/processors.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

namespace tcptool::dataplane {
namespace {

namespace fs = std::filesystem;

// A system of files, with what it says of this process's cgroups.
class CgroupProcessorsTest : public testing::Test {
 protected:
  CgroupProcessorsTest() {
    std::string name = testing::TempDir() + "/processors.XXXXXX";
    root_ = mkdtemp(name.data());
  }
  ~CgroupProcessorsTest() override { fs::remove_all(root_); }

  void Write(const std::string& path, const std::string& content) {
    const fs::path file = root_ / path;
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content << "\n";
  }

  std::optional<double> Processors() const {
    return CgroupProcessors(root_.string());
  }

  fs::path root_;
};

TEST_F(CgroupProcessorsTest, NothingIsKnownWithoutCgroups) {
  EXPECT_EQ(Processors(), std::nullopt);
  Write("proc/self/cgroup", "0::/a");
  Write("proc/self/mountinfo", "21 1 0:20 / /proc rw,relatime - proc proc rw");
  EXPECT_EQ(Processors(), std::nullopt);
}

TEST_F(CgroupProcessorsTest, TheLeastQuotaOnTheWayCounts) {
  Write("proc/self/cgroup", "0::/system.slice/tcptoold.service");
  Write("proc/self/mountinfo",
        "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw");
  const std::string slice = "sys/fs/cgroup/system.slice/";
  Write(slice + "tcptoold.service/cpu.max", "max 100000");
  EXPECT_EQ(Processors(), std::nullopt);
  Write(slice + "tcptoold.service/cpu.max", "250000 100000");
  EXPECT_EQ(Processors(), 2.5);
  Write(slice + "cpu.max", "75000 50000");
  EXPECT_EQ(Processors(), 1.5);
  // A cgroup beside the way does not.
  Write(slice + "other.service/cpu.max", "1000 100000");
  EXPECT_EQ(Processors(), 1.5);
}

TEST_F(CgroupProcessorsTest, AContainerSeesItsOwnCgroupAsTheFirst) {
  Write("proc/self/cgroup", "0::/");
  Write("proc/self/mountinfo",
        "30 25 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw");
  Write("sys/fs/cgroup/cpu.max", "50000 100000");
  EXPECT_EQ(Processors(), 0.5);
}

TEST_F(CgroupProcessorsTest, VersionOneIsOfTheHierarchyWithTheProcessors) {
  Write("proc/self/cgroup",
        "4:memory:/m\n3:cpu,cpuacct:/a/b\n2:cpuset:/c\n0::/");
  Write("proc/self/mountinfo",
        "30 25 0:26 / /cg/cpuset rw - cgroup cgroup rw,cpuset\n"
        "31 25 0:27 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "32 25 0:28 / /cg/unified rw - cgroup2 cgroup2 rw");
  Write("cg/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1");
  Write("cg/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000");
  EXPECT_EQ(Processors(), std::nullopt);
  Write("cg/cpu,cpuacct/a/cpu.cfs_quota_us", "300000");
  Write("cg/cpu,cpuacct/a/cpu.cfs_period_us", "100000");
  EXPECT_EQ(Processors(), 3);
}

// Without a namespace of its own for cgroups, the path is the host's, and the
// mount begins at the container's cgroup.
TEST_F(CgroupProcessorsTest, PathsOfTheHostAreTakenFromWhereTheMountBegins) {
  Write("proc/self/cgroup", "3:cpu:/docker/ab/inner");
  Write("proc/self/mountinfo",
        "31 25 0:27 /docker/ab /cg/cpu ro - cgroup cgroup rw,cpu");
  Write("cg/cpu/inner/cpu.cfs_quota_us", "200000");
  Write("cg/cpu/inner/cpu.cfs_period_us", "100000");
  EXPECT_EQ(Processors(), 2);
  // Not that of another container, whose name begins alike.
  Write("proc/self/cgroup", "3:cpu:/docker/abinner");
  EXPECT_EQ(Processors(), std::nullopt);
  Write("cg/cpu/cpu.cfs_quota_us", "400000");
  Write("cg/cpu/cpu.cfs_period_us", "100000");
  EXPECT_EQ(Processors(), 4);
}

TEST_F(CgroupProcessorsTest, WhatIsNoQuotaIsNone) {
  Write("proc/self/cgroup", "0::/");
  Write("proc/self/mountinfo",
        "\nx\n - \n30 25 0:26 / /cg ro - cgroup2 cgroup rw");
  for (const char* text : {"", "max", "0 0", "100000", "100000 0", "-1 100000",
                           "x 100000", "100000 x"}) {
    Write("cg/cpu.max", text);
    EXPECT_EQ(Processors(), std::nullopt) << text;
  }
}

TEST(UsableProcessorsTest, FollowsTheAffinityOfTheThread) {
  EXPECT_GE(UsableProcessors(), 1u);
  // A thread of its own, so that this one keeps what it has.
  std::thread([] {
    cpu_set_t had;
    ASSERT_EQ(sched_getaffinity(0, sizeof had, &had), 0);
    int processor = 0;
    while (!CPU_ISSET(processor, &had)) ++processor;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    EXPECT_EQ(UsableProcessors(), 1u);
  }).join();
}

}  // namespace
}  // namespace tcptool::dataplane
