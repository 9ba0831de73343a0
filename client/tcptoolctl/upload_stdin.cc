#include "client/tcptoolctl/upload_stdin.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "absl/status/statusor.h"
#include "messages/distribution_states.h"
#include "process/standard_descriptors.h"

namespace tcptool {
namespace {

// How often it is looked whether to stop while standard input is silent.
constexpr int kPollMillis = 200;

// The most that an unprivileged user may ask for (pipe(7)).
constexpr int kPipeBytes = 1 << 20;

absl::StatusOr<size_t> ReadStdin(char* buffer, size_t size,
                                 const std::stop_token& stop) {
  pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
  while (!stop.stop_requested()) {
    const int ready = poll(&input, 1, kPollMillis);
    if (ready == 0) continue;
    const ssize_t count = ready < 0 ? -1 : read(STDIN_FILENO, buffer, size);
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR && errno != EAGAIN) {
      return absl::ErrnoToStatus(errno, "cannot read standard input");
    }
  }
  return absl::CancelledError(
      "what it is uploaded to ended before standard input did");
}

// A larger pipe buffer means fewer and larger reads. Fails on non-pipes, and
// beyond the user's limit, which costs speed only.
void EnlargePipe() { fcntl(STDIN_FILENO, F_SETPIPE_SZ, kPipeBytes); }

// False: some of the content has come to the node that takes it, or the
// distribution is over. True if that is not known, so that nobody waits for an
// upload that does not come.
bool WaitsForUpload(Client& client, const std::string& name) {
  const auto distribution = client.GetDistribution(name);
  if (!distribution.ok()) return true;
  if (IsFinal(distribution->state())) return false;
  const auto deliveries = client.ListDeliveries(name);
  if (!deliveries.ok()) return true;
  const auto there = std::ranges::find(
      *deliveries, distribution->spec().upload().node(), &v1::Delivery::node);
  return there == deliveries->end() ||
         there->state() <= v1::DELIVERY_STATE_WAITING;
}

}  // namespace

absl::Status CheckStdin() {
  if (StandardInputIsOpen()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "standard input is closed, or not open for reading; give --stdin "
      "something to read");
}

absl::Status UploadStdin(Client& client, const std::string& name,
                         const std::stop_token& stop) {
  EnlargePipe();
  const absl::Status status =
      client
          .UploadContent(name,
                         [&stop](char* buffer, size_t size) {
                           return ReadStdin(buffer, size, stop);
                         })
          .status();
  // Without its content the session is of no use; if the upload did not even
  // begin, the service would wait for it.
  if (!status.ok()) client.CancelSession(name).IgnoreError();
  return status;
}

absl::Status UploadStdinToDistribution(Client& client, const std::string& name,
                                       bool is_own,
                                       const std::stop_token& stop) {
  EnlargePipe();
  const absl::Status status =
      client
          .UploadDistribution(name,
                              [&stop](char* buffer, size_t size) {
                                return ReadStdin(buffer, size, stop);
                              })
          .status();
  // Its node fails the distribution, and says why.
  if (status.ok() || absl::IsAborted(status)) return status;
  if (is_own && WaitsForUpload(client, name)) {
    client.CancelDistribution(name).IgnoreError();
  }
  return status;
}

}  // namespace tcptool
