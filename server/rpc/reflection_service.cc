#include "server/rpc/reflection_service.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <set>
#include <utility>

#include "absl/synchronization/mutex.h"

namespace tcptool::server {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::FileDescriptor;
using grpc::reflection::v1alpha::FileDescriptorResponse;
using grpc::reflection::v1alpha::ServerReflectionRequest;
using grpc::reflection::v1alpha::ServerReflectionResponse;

// Adds `file`, and what it imports.
void AddFile(const FileDescriptor& file, std::set<const FileDescriptor*>& added,
             FileDescriptorResponse& response) {
  if (!added.insert(&file).second) return;
  google::protobuf::FileDescriptorProto proto;
  file.CopyTo(&proto);
  *response.add_file_descriptor_proto() = proto.SerializeAsString();
  for (int i = 0; i < file.dependency_count(); ++i) {
    AddFile(*file.dependency(i), added, response);
  }
}

void SetFile(const FileDescriptor* file, ServerReflectionResponse& response) {
  if (file != nullptr) {
    std::set<const FileDescriptor*> added;
    AddFile(*file, added, *response.mutable_file_descriptor_response());
    return;
  }
  auto& error = *response.mutable_error_response();
  error.set_error_code(static_cast<int>(absl::StatusCode::kNotFound));
  error.set_error_message("this service has nothing of that name");
}

}  // namespace

// Answers one request after the other.
class ReflectionService::ReflectionCall : public Call {
 public:
  ReflectionCall(Headers headers, const ReflectionService& reflection)
      : Call(std::move(headers)), reflection_(reflection) {}

  void Begin() override { Read(); }

  void OnWritten(bool ok) override {
    // If the call was cancelled, the next read fails.
    if (ok) return Read();
    EndOnce(CancelReason());
  }
  void OnCancel() override { EndOnce(CancelReason()); }

 private:
  void OnRead(bool ok) override {
    if (!ok) return EndOnce(absl::OkStatus());
    ServerReflectionRequest request;
    if (absl::Status status = Parse(request); !status.ok()) {
      return EndOnce(status);
    }
    absl::MutexLock lock(&mutex_);
    if (!finished_) Write(reflection_.Answer(request));
  }

  void EndOnce(const absl::Status& status) {
    absl::MutexLock lock(&mutex_);
    if (!std::exchange(finished_, true)) End(status);
  }

  const ReflectionService& reflection_;
  absl::Mutex mutex_;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

void ReflectionService::AddTo(MethodTable& table) {
  table.Add(*ServerReflectionRequest::descriptor()
                 ->file()
                 ->FindServiceByName("ServerReflection")
                 ->FindMethodByName("ServerReflectionInfo"),
            Role::kViewer, [this](Call::Headers headers) {
              return std::make_shared<ReflectionCall>(std::move(headers),
                                                      *this);
            });
  for (const auto* service : table.services()) {
    services_.insert(service->full_name());
  }
}

ServerReflectionResponse ReflectionService::Answer(
    const ServerReflectionRequest& request) const {
  const DescriptorPool& pool = *DescriptorPool::generated_pool();
  ServerReflectionResponse response;
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case ServerReflectionRequest::kFileByFilename:
      SetFile(pool.FindFileByName(request.file_by_filename()), response);
      break;
    case ServerReflectionRequest::kFileContainingSymbol:
      SetFile(pool.FindFileContainingSymbol(request.file_containing_symbol()),
              response);
      break;
    case ServerReflectionRequest::kListServices:
      for (const std::string& name : services_) {
        response.mutable_list_services_response()->add_service()->set_name(
            name);
      }
      break;
    default:  // The API has no extensions.
      SetFile(nullptr, response);
  }
  return response;
}

}  // namespace tcptool::server
