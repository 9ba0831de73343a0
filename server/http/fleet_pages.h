// The status page's part on the fleet that the node is in.
#ifndef TCPTOOL_SERVER_HTTP_FLEET_PAGES_H_
#define TCPTOOL_SERVER_HTTP_FLEET_PAGES_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/fleet/service/distributions.h"
#include "server/http/http_message.h"
#include "server/http/status_layout.h"
#include "server/http/turns.h"

namespace tcptool::server {

// What the fleet is asked for is asked in turns, so that whoever looks at
// pages, and however many do, hold up its thread for one of them at most; a
// page is made on the thread of the HTTP server. Any thread may call any
// method.
class FleetPages {
 public:
  // `distributions` outlives this.
  FleetPages(fleet::Distributions& distributions, std::string fleet_name)
      : distributions_(distributions), fleet_name_(std::move(fleet_name)) {}
  // What waits for its turn gets no answer.
  ~FleetPages() { turns_->Close(); }
  FleetPages(const FleetPages&) = delete;
  FleetPages& operator=(const FleetPages&) = delete;

  // "/distributions", "/distributions/ID", "/distributions/ID/deliveries/NODE",
  // and "/nodes".
  static bool Has(absl::string_view path);

  // For paths that it has.
  void Get(const HttpRequest& request, const HttpRespond& respond) const;

 private:
  template <typename Answer>
  using Page = std::function<StatusContent(const Answer&)>;
  template <typename Answer>
  using Call =
      std::function<void(std::function<void(absl::StatusOr<Answer>)> done)>;

  // Makes `call` in its turn, and a page of what is answered.
  template <typename Answer>
  void Ask(Call<Answer> call, Page<Answer> page,
           const HttpRespond& respond) const;

  fleet::Distributions& distributions_;
  const std::string fleet_name_;
  const std::shared_ptr<Turns> turns_ = std::make_shared<Turns>();
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_HTTP_FLEET_PAGES_H_
