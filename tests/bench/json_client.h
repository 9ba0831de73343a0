// A client of the control API by JSON over HTTP: one connection, one call at a
// time, as `curl` makes it.
#ifndef TCPTOOL_TESTS_BENCH_JSON_CLIENT_H_
#define TCPTOOL_TESTS_BENCH_JSON_CLIENT_H_

#include <google/protobuf/message.h>

#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <string>

namespace tcptool::bench {

// All of it throws std::runtime_error, which says why.
class JsonClient {
 public:
  // `server`: HOST:PORT.
  explicit JsonClient(const std::string& server);

  // The method is that of `request`: CreateSession, of a CreateSessionRequest.
  void Call(const std::string& service,
            const google::protobuf::Message& request,
            google::protobuf::Message& response);

 private:
  // The body of the next answer.
  std::string ReadAnswer();

  std::string server_;
  asio::io_context context_;
  asio::ip::tcp::socket socket_;
  std::string input_;
};

}  // namespace tcptool::bench

#endif  // TCPTOOL_TESTS_BENCH_JSON_CLIENT_H_
