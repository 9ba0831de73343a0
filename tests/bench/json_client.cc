#include "tests/bench/json_client.h"

#include <google/protobuf/util/json_util.h>

#include <asio/buffer.hpp>
#include <asio/completion_condition.hpp>
#include <asio/connect.hpp>
#include <asio/read.hpp>
#include <asio/read_until.hpp>
#include <asio/write.hpp>
#include <stdexcept>
#include <string_view>

namespace tcptool::bench {
namespace {

constexpr std::string_view kLength = "\r\nContent-Length: ";
constexpr std::string_view kOk = "HTTP/1.1 200 ";
constexpr std::string_view kSuffix = "Request";

void Check(const google::protobuf::util::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

}  // namespace

JsonClient::JsonClient(const std::string& server)
    : server_(server), socket_(context_) {
  const size_t colon = server.rfind(':');
  asio::ip::tcp::resolver resolver(context_);
  asio::connect(socket_, resolver.resolve(server.substr(0, colon),
                                          server.substr(colon + 1)));
}

void JsonClient::Call(const std::string& service,
                      const google::protobuf::Message& request,
                      google::protobuf::Message& response) {
  std::string method = request.GetDescriptor()->name();
  method.resize(method.size() - kSuffix.size());
  std::string body;
  Check(google::protobuf::util::MessageToJsonString(request, &body));
  const std::string message =
      "POST /" + service + "/" + method + " HTTP/1.1\r\nHost: " + server_ +
      "\r\nContent-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  asio::write(socket_, asio::buffer(message));
  Check(google::protobuf::util::JsonStringToMessage(ReadAnswer(), &response));
}

std::string JsonClient::ReadAnswer() {
  const size_t head_size =
      asio::read_until(socket_, asio::dynamic_buffer(input_), "\r\n\r\n");
  const std::string head = input_.substr(0, head_size);
  const size_t length = head.find(kLength);
  if (length == std::string::npos) {
    throw std::runtime_error("an answer without its length: " + head);
  }
  const size_t size =
      head_size + std::stoul(head.substr(length + kLength.size()));
  if (input_.size() < size) {
    asio::read(socket_, asio::dynamic_buffer(input_),
               asio::transfer_exactly(size - input_.size()));
  }
  std::string body = input_.substr(head_size, size - head_size);
  input_.erase(0, size);
  if (!head.starts_with(kOk)) throw std::runtime_error(head + body);
  return body;
}

}  // namespace tcptool::bench
