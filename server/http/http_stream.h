// A client's connection to the HTTP server, in clear text or TLS.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_STREAM_H_
#define TCPTOOL_SERVER_HTTP_HTTP_STREAM_H_

#include <openssl/types.h>

#include <asio/cancellation_signal.hpp>
#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <system_error>

#include "absl/strings/string_view.h"
#include "server/front/client_stream.h"
#include "server/security/peer.h"
#include "server/security/tls.h"

namespace tcptool::server {

// Lives on its socket's executor, which has one thread. What it calls is called
// from there, later, and keeps it alive. Nothing is called after Close().
class HttpStream : public std::enable_shared_from_this<HttpStream> {
 public:
  using Done = std::function<void(std::error_code)>;

  // `tls`: null for clear text; outlives this. Clients may speak clear text all
  // the same, as probes of health do: the first byte tells.
  HttpStream(asio::ip::tcp::socket socket, const TlsContext* tls);

  // Waits for the client's first byte, if it has to be known. Before all else.
  void Open(Done done);
  // What the client sends is safe from others.
  bool is_secured() const { return tls_context_ != nullptr; }
  // Who it is. Once something was read.
  Peer peer() const;

  // Adds to input() what comes next, a few KiB. asio::error::eof: the client
  // ends its side. One at a time.
  void Read(Done done);
  // What was read, and nobody has taken yet.
  std::string& input() { return input_; }
  // In place of Read(), behind the client's end or when there is enough in
  // input(): calls when the connection is lost, as by a reset.
  void WaitForLoss(const std::function<void()>& lost);
  // The Read() or WaitForLoss() that is pending calls nothing; what was read is
  // in input().
  void StopReading();

  // Sends a part of `bytes`, which stay there until then. One at a time.
  void Write(absl::string_view bytes,
             const std::function<void(std::error_code, size_t)>& done);

  // The client gets nothing more.
  void EndOutput();
  void Close();
  // Close() that drops what the kernel has not sent yet.
  void Reset();

  asio::ip::tcp::socket::executor_type executor() {
    return socket_.get_executor();
  }

 private:
  using Wait = std::function<void()>;

  // Calls `retry` when the socket is as `result` wants it.
  void WaitFor(ClientStream::Result result, Wait retry, Done failed);
  void TryRead(int id, const Done& done);

  asio::ip::tcp::socket socket_;
  const TlsContext* const tls_;
  std::shared_ptr<SSL_CTX> tls_context_;  // Of TLS that is spoken.
  std::unique_ptr<ClientStream> stream_;  // Null before Open() is done.
  std::string input_;
  asio::cancellation_signal stop_waiting_;  // WaitForLoss().
  int read_id_ = 0;  // Of the Read() or WaitForLoss() that is pending, if any.
  bool closed_ = false;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_STREAM_H_
