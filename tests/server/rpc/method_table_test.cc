// Every method of the API is served, and by nobody but the dispatcher, which
// asks who calls.
#include "server/rpc/method_table.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/rpc/distribution_service.h"
#include "server/rpc/file_service.h"
#include "server/rpc/node_service.h"
#include "server/rpc/reception_service.h"
#include "server/rpc/session_service.h"
#include "tcptool/v1/distribution_service.pb.h"
#include "tcptool/v1/file_service.pb.h"
#include "tcptool/v1/node_service.pb.h"
#include "tcptool/v1/reception_service.pb.h"

namespace tcptool::server {
namespace {

class MethodTableTest : public testing::Test {
 protected:
  MethodTableTest() {
    sessions_.AddTo(table_);
    receptions_.AddTo(table_);
    distributions_.AddTo(table_);
    node_.AddTo(table_);
    files_.AddTo(table_);
  }

  // "/package.Service/Method" of each in the protos.
  static std::vector<const google::protobuf::MethodDescriptor*> Methods() {
    std::vector<const google::protobuf::MethodDescriptor*> methods;
    for (const auto* file :
         {v1::CreateSessionRequest::descriptor()->file(),
          v1::CreateReceptionRequest::descriptor()->file(),
          v1::CreateDistributionRequest::descriptor()->file(),
          v1::GetNodeRequest::descriptor()->file(),
          v1::ListFilesRequest::descriptor()->file()}) {
      for (int i = 0; i < file->service_count(); ++i) {
        for (int j = 0; j < file->service(i)->method_count(); ++j) {
          methods.push_back(file->service(i)->method(j));
        }
      }
    }
    return methods;
  }

  MethodTable table_;

 private:
  dataplane::Engine engine_{dataplane::EngineOptions{.lanes = 1}};
  ContentRoots roots_;
  const std::unique_ptr<Store> store_ =
      *Store::Open(":memory:", [](const char*, absl::Duration, bool) {});
  SessionTable session_table_;
  WatchHub hub_{1};
  ReceptionTable reception_table_;
  ReceptionManager reception_manager_{{},   engine_, roots_, reception_table_,
                                      hub_, *store_};
  SessionManager manager_{{.rules = {.first_port = 9701, .last_port = 9702}},
                          engine_,
                          roots_,
                          reception_manager_,
                          session_table_,
                          hub_,
                          *store_};
  SessionService sessions_{manager_, session_table_, hub_};
  ReceptionService receptions_{reception_manager_, reception_table_, hub_};
  DistributionService distributions_{nullptr, reception_manager_.uploads(),
                                     hub_};
  NodeService node_{{}, roots_, roots_, manager_};
  FileService files_{roots_, {}};
};

TEST_F(MethodTableTest, EveryMethodOfTheProtosIsServed) {
  ASSERT_GE(Methods().size(), 17U);
  for (const auto* method : Methods()) {
    const std::string path =
        absl::StrCat("/", method->service()->full_name(), "/", method->name());
    const MethodTable::Method* served = table_.Find(path);
    ASSERT_NE(served, nullptr) << path;
    EXPECT_EQ(served->required, RequiredRole(*method)) << path;
    EXPECT_NE(served->required, Role::kNone) << path;
  }
  EXPECT_EQ(table_.Find("/tcptool.v1.SessionService/NotThoughtOf"), nullptr);
}

TEST_F(MethodTableTest, MethodsTakeAnOperatorUnlessTheirProtoSaysThatTheyRead) {
  for (const auto* method : Methods()) {
    const bool reads = method->options().idempotency_level() ==
                       google::protobuf::MethodOptions::NO_SIDE_EFFECTS;
    EXPECT_EQ(RequiredRole(*method), reads ? Role::kViewer : Role::kOperator);
    // The protos' own habit: https://google.aip.dev/130.
    const std::string& name = method->name();
    EXPECT_EQ(reads, name.starts_with("Get") || name.starts_with("List") ||
                         name.starts_with("Watch") ||
                         name.starts_with("Wait") || name.starts_with("Stat"))
        << name;
  }
}

}  // namespace
}  // namespace tcptool::server
