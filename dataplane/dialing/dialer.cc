#include "dataplane/dialing/dialer.h"

#include <fcntl.h>

#include <algorithm>
#include <asio/post.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tcptool::dataplane {
namespace {

constexpr std::chrono::milliseconds kRetryInterval{100};

// The longest time of one round of attempts while waiting for a sender: an
// address that does not answer must not delay the next attempts at the others,
// nor a new look-up of the name.
constexpr std::chrono::seconds kRound{2};

std::chrono::steady_clock::time_point DeadlineOf(absl::Duration wait) {
  using Clock = std::chrono::steady_clock;
  if (wait == absl::ZeroDuration()) return Clock::time_point::max();
  const Clock::time_point now = Clock::now();
  const Clock::duration longest = Clock::time_point::max() - now;
  return now +
         std::min<Clock::duration>(absl::ToChronoNanoseconds(wait), longest);
}

}  // namespace

Dialer::Dialer(asio::io_context& io, DialTarget target, Done done)
    : io_(io),
      target_(std::move(target)),
      done_(std::move(done)),
      deadline_(DeadlineOf(target_.wait)),
      timer_(io),
      work_(io.get_executor()) {}

void Dialer::Start() {
  self_ = shared_from_this();
  LookUp();
}

void Dialer::Cancel() {
  const auto self = std::exchange(self_, nullptr);
  done_ = nullptr;
  timer_.cancel();
  CloseMailbox();
  if (race_ != nullptr) std::exchange(race_, nullptr)->Cancel();
  work_.reset();
}

void Dialer::LookUp() {
  mailbox_ = std::make_shared<Mailbox>();
  {
    absl::MutexLock lock(&mailbox_->mutex);
    mailbox_->io = &io_;
  }
  Resolve(target_.host, target_.port,
          [self = weak_from_this(),
           mailbox = mailbox_](absl::StatusOr<Endpoints> endpoints) {
            absl::MutexLock lock(&mailbox->mutex);
            if (mailbox->io == nullptr) return;
            asio::post(*mailbox->io,
                       [self, mailbox, endpoints = std::move(endpoints)] {
                         const auto dialer = self.lock();
                         if (dialer != nullptr && dialer->mailbox_ == mailbox) {
                           dialer->OnResolved(endpoints);
                         }
                       });
          });
  if (deadline_ == Clock::time_point::max()) return;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (!error && self->mailbox_ != nullptr) self->OnLookUpTimeout();
  });
}

void Dialer::OnLookUpTimeout() {
  Finish(reason_.ok() ? absl::NotFoundError("the name service does not answer")
                      : reason_);
}

void Dialer::OnResolved(absl::StatusOr<Endpoints> endpoints) {
  timer_.cancel();
  CloseMailbox();
  if (!endpoints.ok()) return OnResult(endpoints.status());
  const Clock::time_point now = Clock::now();
  const bool in_rounds =
      target_.wait != absl::ZeroDuration() && deadline_ - now > kRound;
  race_ = std::make_shared<ConnectionRace>(
      io_, InterleaveFamilies(*endpoints), in_rounds ? now + kRound : deadline_,
      [self = shared_from_this()](absl::StatusOr<UniqueFd> result) {
        self->OnResult(std::move(result));
      });
  const auto race = race_;  // It may be done before Start() returns.
  race->Start();
}

void Dialer::OnResult(absl::StatusOr<UniqueFd> result) {
  race_ = nullptr;
  if (result.ok() || target_.wait == absl::ZeroDuration()) {
    return Finish(std::move(result));
  }
  const Clock::duration left = deadline_ - Clock::now();
  // That a round had no time, as the last one may, says nothing of the sender.
  if (left > Clock::duration::zero() || reason_.ok()) reason_ = result.status();
  if (left < kRetryInterval) return Finish(reason_);
  timer_.expires_after(kRetryInterval);
  timer_.async_wait([self = shared_from_this()](std::error_code error) {
    if (!error && self->done_) self->LookUp();
  });
}

void Dialer::CloseMailbox() {
  const auto mailbox = std::exchange(mailbox_, nullptr);
  if (mailbox == nullptr) return;
  absl::MutexLock lock(&mailbox->mutex);
  mailbox->io = nullptr;
}

void Dialer::Finish(absl::StatusOr<UniqueFd> result) {
  Done done = std::move(done_);
  Cancel();
  done(std::move(result));
}

absl::StatusOr<UniqueFd> Dial(const DialTarget& target) {
  asio::io_context io;
  absl::StatusOr<UniqueFd> result = absl::UnknownError("");
  std::shared_ptr<Dialer> dialer;
  try {
    dialer = std::make_shared<Dialer>(
        io, target, [&result](absl::StatusOr<UniqueFd> socket) {
          result = std::move(socket);
        });
  } catch (const std::system_error& error) {
    // asio's event loop has descriptors of its own.
    return absl::ResourceExhaustedError(
        absl::StrCat(NameOf(target), ": ", error.code().message()));
  }
  dialer->Start();
  io.run();
  if (result.ok()) {
    fcntl(result->get(), F_SETFL, fcntl(result->get(), F_GETFL) & ~O_NONBLOCK);
  }
  return result;
}

std::string NameOf(const DialTarget& target) {
  const bool is_v6 = target.host.find(':') != std::string::npos;
  return is_v6 ? absl::StrCat("[", target.host, "]:", target.port)
               : absl::StrCat(target.host, ":", target.port);
}

}  // namespace tcptool::dataplane
