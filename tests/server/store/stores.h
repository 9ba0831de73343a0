// A store in a new directory, which goes with the test.
#ifndef TCPTOOL_TESTS_SERVER_STORE_STORES_H_
#define TCPTOOL_TESTS_SERVER_STORE_STORES_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/store/store.h"

namespace tcptool::server {

class StoreTest : public testing::Test {
 protected:
  StoreTest() {
    std::string pattern = testing::TempDir() + "/store.XXXXXX";
    directory_ = mkdtemp(pattern.data());
    path_ = directory_ / "state" / "tcptoold.db";
  }
  ~StoreTest() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<Store> Open() {
    auto store = Store::Open(path_, [](const char*, absl::Duration, bool) {});
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static Store::Contents Load(Store& store) {
    auto contents = store.Load();
    EXPECT_TRUE(contents.ok()) << contents.status();
    return contents.ok() ? *std::move(contents) : Store::Contents();
  }

  // What a store that is opened after this one finds.
  Store::Contents Reopen(std::unique_ptr<Store>& store) {
    store = nullptr;
    store = Open();
    return Load(*store);
  }

  static v1::Session Session(const std::string& name) {
    v1::Session session;
    session.set_name(name);
    session.mutable_spec()->mutable_file()->set_path("of " + name);
    session.set_state(v1::SESSION_STATE_WAITING);
    return session;
  }

  static v1::Recipient Recipient(const std::string& session, uint64_t number,
                                 v1::RecipientState state) {
    v1::Recipient recipient;
    recipient.set_name(absl::StrCat(session, "/recipients/", number));
    recipient.set_state(state);
    return recipient;
  }

  std::filesystem::path directory_;
  std::string path_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_TESTS_SERVER_STORE_STORES_H_
