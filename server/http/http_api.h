// What an API on the HTTP address is to the server: calls, each with a body and
// an answer that comes in parts.
#ifndef TCPTOOL_SERVER_HTTP_HTTP_API_H_
#define TCPTOOL_SERVER_HTTP_HTTP_API_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/http/http_message.h"
#include "server/security/peer.h"
#include "server/security/role.h"

namespace tcptool::server {

// A part of an answer. The first one has the head; one that is the first and
// the last has all of the body, others a piece of it.
struct HttpPart {
  std::optional<HttpResponse> head;  // Without its body.
  std::string bytes;
  bool is_last = false;
};

// On the server's thread, where nothing may wait.
class HttpApi {
 public:
  // Any thread, until the last part; a part that nobody waits for is dropped.
  using Send = std::function<void(HttpPart)>;

  // A call whose caller may make it.
  class Call {
   public:
    virtual ~Call() = default;

    // What its caller needs, which is what it may cost. kNone: anybody may
    // make it, and who does is not known.
    virtual Role required() const = 0;
    // All of the body has come. Once, at most. It counts among all bodies,
    // which are bounded, for as long as somebody has it.
    virtual void Begin(std::shared_ptr<const std::string> body) = 0;
    // What stands for the whole answer, if the body cannot be had.
    virtual HttpResponse Refuse(const absl::Status& status) const = 0;
    // The client has taken the last part, which was not the last one of all:
    // the next one may be sent, and none before.
    virtual void OnTaken() = 0;
    // The client is gone. Nothing else is called after this.
    virtual void Cancel() = 0;
  };
  using Opened = std::variant<HttpResponse, std::shared_ptr<Call>>;

  virtual ~HttpApi() = default;

  // Whether the path is one of the API's, be there such a method or not.
  virtual bool Has(absl::string_view path) const = 0;
  // A call, by its head; or the answer, if there is to be none. `is_secured`:
  // it came over TLS.
  virtual Opened Open(const HttpRequest& request, const Peer& peer,
                      bool is_secured, Send send) = 0;
  // Of the body of any call.
  virtual size_t max_body_bytes() const = 0;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_HTTP_API_H_
