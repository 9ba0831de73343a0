#include "server/security/token_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace tcptool::server {
namespace {

// SHA-256 of "a" and of "b".
constexpr char kHashOfA[] =
    "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
constexpr char kHashOfB[] =
    "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";

class TokenFileTest : public testing::Test {
 protected:
  // As an editor does it: another file takes the name.
  void Write(const std::string& text, mode_t mode = 0640) {
    const std::string part = path + ".part";
    std::ofstream(part) << text;
    ASSERT_EQ(chmod(part.c_str(), mode), 0);
    std::filesystem::rename(part, path);
  }
  std::string WhyNot() { return TokenFile::Open(path).status().ToString(); }

  const std::string path = absl::StrCat(testing::TempDir(), "/tokens");
};

TEST_F(TokenFileTest, FindsWhoseATokenIs) {
  Write(absl::StrCat("# who\n\n  otto operator ", kHashOfA, "\nvera\tviewer ",
                     kHashOfB, "\n"));
  const auto file = *TokenFile::Open(path);
  const std::optional<Caller> otto = file->Find("a");
  ASSERT_TRUE(otto.has_value());
  EXPECT_EQ(otto->name, "token:otto");
  EXPECT_EQ(otto->role, Role::kOperator);
  EXPECT_EQ(file->FindHash(otto->token_hash)->name, "token:otto");
  EXPECT_EQ(file->Find("b")->role, Role::kViewer);
  EXPECT_FALSE(file->Find("c"));
  EXPECT_FALSE(file->Find(""));
}

TEST_F(TokenFileTest, RefusesAFileThatIsNoneAndSaysWhy) {
  std::filesystem::remove(path);
  EXPECT_NE(WhyNot().find(path), std::string::npos) << WhyNot();
  for (const auto& [text, why] :
       std::vector<std::pair<std::string, std::string>>{
           {"", "no token"},
           {"# nobody\n", "no token"},
           {"otto operator\n", "line 1"},
           {absl::StrCat("\notto king ", kHashOfA), "line 2"},
           {"otto operator ca97", "SHA-256"}}) {
    Write(text);
    EXPECT_NE(WhyNot().find(why), std::string::npos) << WhyNot();
  }
  for (const mode_t mode : {0644, 0660, 0602}) {
    Write(absl::StrCat("otto operator ", kHashOfA), mode);
    EXPECT_NE(WhyNot().find("chmod"), std::string::npos) << WhyNot();
  }
}

TEST_F(TokenFileTest, TellsNoTokenThatWasPutIntoItByMistake) {
  Write("otto operator my-secret");
  EXPECT_EQ(WhyNot().find("my-secret"), std::string::npos) << WhyNot();
}

TEST_F(TokenFileTest, FollowsItsFile) {
  Write(absl::StrCat("otto operator ", kHashOfA));
  const auto file = *TokenFile::Open(path);
  EXPECT_FALSE(file->ReloadIfChanged());
  Write(absl::StrCat("vera viewer ", kHashOfB));
  EXPECT_TRUE(file->ReloadIfChanged());
  EXPECT_FALSE(file->Find("a"));
  EXPECT_TRUE(file->Find("b"));
  EXPECT_FALSE(file->ReloadIfChanged());
}

TEST_F(TokenFileTest, KeepsItsTokensWhenALineIsWrong) {
  Write(absl::StrCat("otto operator ", kHashOfA));
  const auto file = *TokenFile::Open(path);
  Write("otto operator");
  EXPECT_FALSE(file->ReloadIfChanged());
  EXPECT_TRUE(file->Find("a"));
}

TEST_F(TokenFileTest, TakesTheLastTokenAway) {
  Write(absl::StrCat("otto operator ", kHashOfA));
  const auto file = *TokenFile::Open(path);
  Write("# nobody");
  EXPECT_TRUE(file->ReloadIfChanged());
  EXPECT_FALSE(file->Find("a"));
  Write(absl::StrCat("otto operator ", kHashOfA));
  EXPECT_TRUE(file->ReloadIfChanged());
  EXPECT_TRUE(file->Find("a"));
  std::filesystem::remove(path);
  EXPECT_TRUE(file->ReloadIfChanged());
  EXPECT_FALSE(file->Find("a"));
  EXPECT_FALSE(file->ReloadIfChanged());
}

}  // namespace
}  // namespace tcptool::server
