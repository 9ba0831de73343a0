#include "client/tcptoolctl/distribution_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/distribution_view.h"
#include "client/tcptoolctl/screen.h"
#include "messages/distribution_states.h"
#include "messages/states.h"
#include "text/characters.h"

namespace tcptool {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kInterval = std::chrono::seconds(1);
// Of the time between two looks, what a look at a large fleet may take.
constexpr int kShareOfLooks = 10;
// What a node's receptions for a distribution are labelled with.
constexpr char kLabel[] = "tcptool/distribution";

// An eventfd(2).
class Event {
 public:
  Event() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Event() {
    if (fd_ >= 0) close(fd_);
  }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  int fd() const { return fd_; }
  void Tell() const { eventfd_write(fd_, 1); }

  // Whether it was told before `end`.
  bool WaitUntil(steady_clock::time_point end) const {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(
        std::max(end - steady_clock::now(), steady_clock::duration::zero()));
    pollfd told{.fd = fd_, .events = POLLIN, .revents = 0};
    poll(&told, 1, static_cast<int>(rest.count()));
    eventfd_t count = 0;
    return eventfd_read(fd_, &count) == 0;
  }

 private:
  const int fd_;
};

// What it has failed to see is as it was: the watch tells whether the service
// is there.
void LookAt(Client& client, const std::string& name, DistributionView& view) {
  auto deliveries = client.ListDeliveries(name);
  if (!deliveries.ok()) return;
  auto nodes = client.ListNodes();
  if (!nodes.ok()) return;
  v1::ListReceptionsRequest request;
  (*request.mutable_labels())[kLabel] =
      std::string(absl::StripPrefix(name, "distributions/"));
  const auto receptions = client.ListReceptions(request);
  if (!receptions.ok()) return;
  DistributionView::Look look{.deliveries = *std::move(deliveries),
                              .nodes = *std::move(nodes),
                              .reception = std::nullopt};
  const auto running = std::find_if(
      receptions->begin(), receptions->end(),
      [](const v1::Reception& one) { return !IsFinal(one.state()); });
  if (running != receptions->end()) look.reception = *running;
  view.Take(std::move(look));
}

// Until `stop`, of which `event` tells, as it does of what the screen wants.
void KeepLooking(const std::stop_token& stop, const Event& event,
                 Client& client, const std::string& name,
                 DistributionView& view) {
  while (!stop.stop_requested()) {
    const auto begin = steady_clock::now();
    LookAt(client, name, view);
    const auto took = steady_clock::now() - begin;
    const auto next = begin + std::max<steady_clock::duration>(
                                  kInterval, kShareOfLooks * took);
    while (event.WaitUntil(next) && !stop.stop_requested()) view.Draw();
  }
}

absl::Status Watch(Client& client, const std::string& name,
                   DistributionView& view) {
  v1::WatchDistributionsRequest request;
  request.add_names(name);
  request.set_include_moves(true);
  return client.WatchDistributions(
      request, [&view](const v1::WatchDistributionsResponse& response) {
        return view.Update(response);
      });
}

absl::Status WatchAndLook(Client& client, const std::string& name,
                          DistributionView& view, const Event& event) {
  absl::Status status;
  {
    const std::jthread looks([&](const std::stop_token& stop) {
      const std::stop_callback wake(stop, [&event] { event.Tell(); });
      KeepLooking(stop, event, client, name, view);
    });
    status = Watch(client, name, view);
  }
  // What the deliveries have come to.
  if (status.ok()) LookAt(client, name, view);
  view.End();
  return status;
}

}  // namespace

absl::Status WatchDistribution(Client& client, const std::string& name,
                               const Options& options) {
  const DistributionView::Style style = StyleOf(options);
  const Event event;
  if (event.fd() < 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("eventfd: ", std::strerror(errno)));
  }
  absl::StatusOr<v1::Distribution> distribution;
  {
    std::optional<Screen> screen;
    if (style == DistributionView::Style::kScreen) {
      screen.emplace(STDOUT_FILENO, event.fd());
    }
    DistributionView view(style, std::cout, screen ? &*screen : nullptr);
    const absl::Status status = WatchAndLook(client, name, view, event);
    if (!status.ok()) return status;
    distribution = view.Result();
  }
  if (!distribution.ok()) return distribution.status();
  if (distribution->state() == v1::DISTRIBUTION_STATE_SUCCEEDED) {
    return absl::OkStatus();
  }
  return absl::AbortedError(
      absl::StrCat(name, " ended as ", StateName(distribution->state()),
                   distribution->detail().empty() ? "" : ": ",
                   Printable(distribution->detail())));
}

}  // namespace tcptool
