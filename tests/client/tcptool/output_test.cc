// Where content goes, and what is left alone.
#include "client/tcptool/output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tcptool::client {
namespace {

namespace fs = std::filesystem;

class OutputTest : public testing::Test {
 protected:
  OutputTest() {
    std::string name = testing::TempDir() + "/output.XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~OutputTest() override { fs::remove_all(directory_); }

  fs::path file() const { return directory_ / "file"; }

  void Put(const std::string& content) { std::ofstream(file()) << content; }
  std::string Content() const {
    std::stringstream text;
    text << std::ifstream(file()).rdbuf();
    return text.str();
  }
  uint64_t BytesOnDisk() const {
    struct stat status = {};
    stat(file().c_str(), &status);
    return static_cast<uint64_t>(status.st_blocks) * 512;
  }

  std::unique_ptr<Output> Open(OutputOptions options = {}) {
    options.path = file();
    auto output = Output::Open(options);
    EXPECT_TRUE(output.ok()) << output.status();
    return *std::move(output);
  }

  // Appends in pieces of `piece` bytes.
  static void Write(Output& output, const std::string& content, size_t piece) {
    const auto bytes = std::as_bytes(std::span(content));
    for (size_t at = 0; at < bytes.size(); at += piece) {
      const auto part = bytes.subspan(at, std::min(piece, bytes.size() - at));
      ASSERT_TRUE(output.Append(part).ok());
    }
  }

  fs::path directory_;
};

TEST_F(OutputTest, NothingIsCreatedBeforeItBegins) {
  Open();
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(OutputTest, NothingIsLostBeforeItBegins) {
  Put("old");
  Open();
  EXPECT_EQ(Content(), "old");
}

TEST_F(OutputTest, BeginEmptiesAndSaysHowMuch) {
  Put("old");
  const auto output = Open();
  ASSERT_TRUE(output->Begin().ok());
  EXPECT_EQ(output->replaced_bytes(), 3u);
  EXPECT_EQ(Content(), "");
}

TEST_F(OutputTest, ContentIsWrittenAndCounted) {
  const auto output = Open({.sync = true});
  ASSERT_TRUE(output->Begin().ok());
  EXPECT_EQ(output->replaced_bytes(), 0u);
  Write(*output, "content", 3);
  ASSERT_TRUE(output->Finish().ok());
  EXPECT_EQ(output->size(), 7u);
  EXPECT_EQ(Content(), "content");
}

TEST_F(OutputTest, ZerosBecomeHolesWhateverPiecesTheyComeIn) {
  const std::string content = std::string(100'000, 'a') +
                              std::string(1'000'000, '\0') + "b" +
                              std::string(1'000'000, '\0');
  for (const size_t piece : {1000u, 4096u, 70'001u, 3'000'000u}) {
    const auto output = Open({.sync = true, .sparse = true});
    ASSERT_TRUE(output->Begin().ok());
    Write(*output, content, piece);
    ASSERT_TRUE(output->Finish().ok());
    EXPECT_EQ(output->size(), content.size());
    EXPECT_TRUE(Content() == content) << piece;
    EXPECT_LT(BytesOnDisk(), 200'000u) << piece;
  }
}

TEST_F(OutputTest, ZerosAreWrittenUnlessHolesAreWanted) {
  const auto output = Open({.sync = true});
  ASSERT_TRUE(output->Begin().ok());
  Write(*output, std::string(1'000'000, '\0'), 1'000'000);
  ASSERT_TRUE(output->Finish().ok());
  EXPECT_GE(BytesOnDisk(), 1'000'000u);
}

TEST_F(OutputTest, NothingIsCreatedAmongDevices) {
  fs::create_symlink("/dev/no-such-device", file());
  for (const std::string& path :
       {std::string("/dev/no-such-device"), file().string()}) {
    const auto output = Output::Open({.path = path});
    EXPECT_EQ(output.status().message(),
              "No such file or directory; nothing is created among devices. "
              "Is the name right?");
  }
  EXPECT_FALSE(fs::exists("/dev/no-such-device"));
}

TEST_F(OutputTest, SharedMemoryIsNoDevice) {
  EXPECT_TRUE(Output::Open({.path = "/dev/shm/tcptool-output-test"}).ok());
  EXPECT_FALSE(fs::exists("/dev/shm/tcptool-output-test"));
}

TEST_F(OutputTest, LinkToANameThatDoesNotExistYetIsFollowed) {
  fs::create_symlink("target", file());
  const auto output = Open({.sync = true});
  ASSERT_TRUE(output->Begin().ok());
  Write(*output, "content", 7);
  ASSERT_TRUE(output->Finish().ok());
  EXPECT_TRUE(fs::is_regular_file(directory_ / "target"));
  EXPECT_EQ(Content(), "content");
}

TEST_F(OutputTest, FullDiskIsAnError) {
  const auto output = Output::Open({.path = "/dev/full"});
  ASSERT_TRUE(output.ok()) << output.status();
  ASSERT_TRUE((*output)->Begin().ok());
  const std::string content = "content";
  EXPECT_EQ((*output)->Append(std::as_bytes(std::span(content))).message(),
            "No space left on device");
  EXPECT_EQ((*output)->size(), 0u);
}

}  // namespace
}  // namespace tcptool::client
