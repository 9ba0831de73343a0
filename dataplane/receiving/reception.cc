#include "dataplane/receiving/reception.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dataplane/base/delete_on_a_thread.h"
#include "dataplane/base/disk_of.h"

namespace tcptool::dataplane {
namespace {

using Clock = std::chrono::steady_clock;

// How often progress is reported, and time-outs are looked at.
constexpr std::chrono::milliseconds kInterval{250};

}  // namespace

std::shared_ptr<Reception> Reception::Create(
    Environment environment, ReceptionOptions options,
    std::unique_ptr<Upstream> upstream,
    std::shared_ptr<ReceptionObserver> observer) {
  std::shared_ptr<Reception> reception(
      new Reception(std::move(environment), std::move(options),
                    std::move(upstream), std::move(observer)));
  reception->OnLane([](Reception& self) { self.Open(); });
  return reception;
}

Reception::Reception(Environment environment, ReceptionOptions options,
                     std::unique_ptr<Upstream> upstream,
                     std::shared_ptr<ReceptionObserver> observer)
    : environment_(std::move(environment)),
      options_(std::move(options)),
      upstream_(std::move(upstream)),
      observer_(std::move(observer)),
      spool_(std::make_shared<Spool>(environment_.lane)) {
  upstream_->Open(*this);
  status_.create_time = absl::Now();
  status_.content_length = set_aside_ = options_.expected_length;
  spool_->Announce(options_.expected_length);
  options_.destination.resumable = upstream_->resumable();
  client_ = {.disk = DiskOf(options_.destination.directory.get()),
             .file = this};
}

void Reception::Open() {
  StartTimer();
  Notify();
  TryToOpen(std::move(options_.destination));
}

void Reception::TryToOpen(Destination destination) {
  environment_.disk.Run(
      client_, [self = shared_from_this(), &files = environment_.files,
                resume = options_.resume,
                allocate = options_.expected_length.value_or(0),
                destination = std::move(destination)]() mutable {
        auto file = OpenFile(files, destination, resume, allocate);
        if (file.ok() && !self->Keep(*file)) return;
        std::shared_ptr<Destination> kept;
        if (!file.ok() && destination.directory.valid()) {
          kept.reset(new Destination(std::move(destination)),
                     DeleteOnAThread(self->client_.disk));
        }
        self->OnLane([file = std::move(file), kept](Reception& reception) {
          const auto again = [kept](Reception& later) {
            later.TryToOpen(std::move(*kept));
          };
          if (kept == nullptr || !reception.TriesAgain(file.status(), again)) {
            reception.OnOpened(file);
          }
        });
      });
}

bool Reception::TriesAgain(const absl::Status& error,
                           std::function<void(Reception&)> again) {
  if (!absl::IsUnavailable(error)) {
    lacks_since_.reset();
    return false;
  }
  const Clock::time_point now = Clock::now();
  if (!lacks_since_) lacks_since_ = now;
  if (absl::FromChrono(now - *lacks_since_) >= options_.stall_timeout) {
    return false;
  }
  again_ = std::move(again);
  return true;
}

bool Reception::Keep(const std::shared_ptr<PartialFile>& file) {
  FileFate fate;
  {
    absl::MutexLock lock(&mutex_);
    file_ = file;
    fate = file_fate_;
  }
  if (fate == FileFate::kRemoved) file->Abandon();
  return fate == FileFate::kInUse;
}

absl::StatusOr<std::shared_ptr<PartialFile>> Reception::OpenFile(
    FileApi& files, Destination& destination, bool resume, uint64_t allocate) {
  if (absl::Status status = CheckDestination(destination); !status.ok()) {
    return status;
  }
  const uint64_t disk = DiskOf(destination.directory.get());
  auto file = PartialFile::CreateOrResume(files, destination,
                                          resume && destination.resumable);
  if (!file.ok()) return file.status();
  if (absl::Status status = (*file)->Allocate(allocate); !status.ok()) {
    (*file)->Abandon();
    return status;
  }
  return std::shared_ptr<PartialFile>(file->release(), DeleteOnAThread(disk));
}

void Reception::OnOpened(
    const absl::StatusOr<std::shared_ptr<PartialFile>>& file) {
  if (!file.ok()) return FailFile(file.status());
  lacks_since_.reset();
  writer_ = std::make_shared<DiskWriter>(
      environment_.disk, client_, *file,
      DiskWriter::Options{
          .sha256 = options_.compute_sha256 || options_.expected_sha256,
          .expects_digests = upstream_->resumable()},
      [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self == nullptr || self->change_posted_.exchange(true)) return;
        self->OnLane([](Reception& reception) { reception.OnWriterChanged(); });
      });
  spool_->Attach(writer_);
  const DiskWriter::Marks marks = writer_->state().marks;
  status_.bytes_received = marks.written;
  status_.bytes_resumed = marks.written;
  status_.bytes_durable = marks.durable;
  measured_bytes_ = marks.written;
  if (!early_digests_.empty()) Expect(0, std::move(early_digests_));
  if (claimed_end_) {
    OnLane([](Reception& self) { self.CheckClaimedEnd(); });
  }
  Publish();
  CheckLength();
  if (!ended() && status_.state == ReceptionState::kConnecting) {
    Connect(absl::OkStatus());
  }
}

void Reception::Connect(const absl::Status& lost) {
  const uint64_t offset = status_.bytes_received;
  upstream_->Connect(
      environment_.lane, offset, lost,
      [weak = weak_from_this(),
       offset](absl::StatusOr<UpstreamConnection> connection) {
        const auto self = weak.lock();
        if (self == nullptr || self->ended()) return;
        // A block has turned out to be bad since: what comes on this connection
        // is not what is wanted any more, and another one will be asked for.
        if (self->rewind_to_ || self->status_.bytes_received != offset) return;
        self->OnConnected(std::move(connection));
      });
}

void Reception::OnConnected(absl::StatusOr<UpstreamConnection> connection) {
  if (!connection.ok()) return FailUpstream(connection.status());
  no_room_ = absl::OkStatus();
  ForgetConnection();
  Receiver::Owner& owner = *this;
  const auto receiver =
      std::make_shared<Receiver>(environment_.lane, *std::move(connection),
                                 writer_, status_.bytes_received, owner);
  receiver_ = receiver;
  status_.peer = receiver->peer();
  if (status_.connections++ == 0) status_.connect_time = absl::Now();
  if (status_.state == ReceptionState::kConnecting) {
    SetState(ReceptionState::kWaiting);
  }
  receiver->Start();
}

void Reception::Received(uint64_t position) {
  status_.bytes_received = position;
  if (status_.state != ReceptionState::kReceiving) {
    if (status_.start_time == absl::InfinitePast()) {
      status_.start_time = absl::Now();
      began_ = measured_at_ = Clock::now();
    }
    SetState(ReceptionState::kReceiving);
  }
  Publish();
  CheckLength();
}

void Reception::Publish() {
  // An upstream that is not resumable sends no digests: there is nothing to
  // verify a block against, so what has come counts as verified.
  if (!upstream_->resumable()) {
    status_.bytes_verified = status_.bytes_received;
  }
  vouched_ = std::max(vouched_, status_.bytes_verified);
  spool_->Publish(status_.bytes_received, status_.bytes_verified);
}

void Reception::CheckLength() {
  const uint64_t position = status_.bytes_received;
  const uint64_t most = std::min(
      options_.max_length, options_.expected_length.value_or(~uint64_t{0}));
  const uint64_t end = end_ ? end_->length : most;
  if (rewind_to_) return;
  if (position > std::min(most, end)) return DoubtLength(std::min(most, end));
  if (!end_) return;
  if (position == end) return Complete();
  if (std::exchange(awaits_end_, false)) {
    Reconnect(absl::UnavailableError(
        "the connection has ended before the content was complete"));
  }
}

void Reception::Ended() {
  if (!upstream_->resumable()) return Complete();
  // It may be complete: the upstream says so elsewhere, maybe later.
  awaits_end_ = true;
  CheckLength();
}

void Reception::Lost(const absl::Status& reason) {
  if (upstream_->resumable()) return Reconnect(reason);
  receiver_ = nullptr;
  Fail(ReceptionReason::kConnectionLost,
       absl::StrCat("the connection was lost after ", status_.bytes_received,
                    " bytes: ", reason.message(),
                    "; a sender of this kind cannot go on where it was, so "
                    "begin again"));
}

void Reception::Reconnect(const absl::Status& lost) {
  ForgetConnection();
  awaits_end_ = false;
  const uint64_t block = status_.bytes_received / kManifestBlock;
  status_.bytes_received = block * kManifestBlock;
  Publish();
  writer_->Drop(block);
  Connect(lost);
}

void Reception::ForgetConnection() {
  if (receiver_ != nullptr) std::exchange(receiver_, nullptr)->Reset();
}

void Reception::OnWriterChanged() {
  change_posted_ = false;
  if (is_committing_) return;  // The name may be there.
  const DiskWriter::State state = writer_->state();
  if (!state.error.ok()) return FailFile(state.error);
  status_.bytes_durable = state.marks.durable;
  if (upstream_->resumable() && !forgets_all_) {
    status_.bytes_verified = state.marks.verified;
  }
  if (is_finishing_) return;
  Publish();
  // An earlier one may turn out to be bad, too, until nothing is being done.
  if (state.bad_block && !is_rewinding_ &&
      *state.bad_block < rewind_to_.value_or(~uint64_t{0})) {
    StartRewind(*state.bad_block,
                absl::DataLossError(absl::StrCat(
                    "the block at byte ", *state.bad_block * kManifestBlock,
                    " is not, or no longer, the one that was announced")));
  }
  if (rewind_to_) return RewindIfIdle(state.idle);
  if (status_.state == ReceptionState::kVerifying) {
    if (state.complete && state.idle) OnContentWritten();
  } else if (const auto receiver = receiver_) {
    receiver->Resume();
  }
}

void Reception::SetState(ReceptionState state) {
  status_.state = state;
  Notify();
}

void Reception::StartTimer() {
  if (!timer_) timer_.emplace(environment_.lane.io());
  timer_->expires_after(kInterval);
  timer_->async_wait([weak = weak_from_this()](std::error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && !self->ended()) self->OnTimer();
  });
}

void Reception::OnTimer() {
  StartTimer();
  if (again_ != nullptr) std::exchange(again_, nullptr)(*this);
  if (writer_ != nullptr) writer_->CheckpointIfDue();
  Measure();
  CheckSilence();
  if (!ended()) CheckCommit();
}

void Reception::CheckSilence() {
  absl::Duration most = options_.stall_timeout;
  Clock::time_point since = Clock::now();
  switch (status_.state) {
    case ReceptionState::kWaiting:
      most = options_.first_byte_timeout;
      [[fallthrough]];
    case ReceptionState::kReceiving:
      since = silent_since();
      break;
    case ReceptionState::kVerifying:
      since = DigestsMissingSince();
      break;
    default:
      return;
  }
  if (most == absl::InfiniteDuration() ||
      absl::FromChrono(Clock::now() - since) < most) {
    return;
  }
  const std::string silence =
      absl::StrCat("nothing came for ", absl::FormatDuration(most));
  if (upstream_->resumable() && receiver_ != nullptr &&
      status_.state != ReceptionState::kVerifying) {
    return Reconnect(absl::DeadlineExceededError(silence));
  }
  Fail(ReceptionReason::kStalled,
       absl::StrCat(silence, ", after ", status_.bytes_received, " bytes"));
}

Clock::time_point Reception::DigestsMissingSince() {
  const DiskWriter::Marks marks = writer_->state().marks;
  const bool is_missing = upstream_->resumable() && !is_finishing_ &&
                          marks.written == *status_.content_length &&
                          marks.verified < marks.written;
  if (!is_missing) {
    digests_missing_since_.reset();
    return Clock::now();
  }
  if (!digests_missing_since_) digests_missing_since_ = Clock::now();
  return *digests_missing_since_;
}

void Reception::Measure() {
  if (status_.state != ReceptionState::kReceiving) return;
  const Clock::time_point now = Clock::now();
  const double seconds =
      std::chrono::duration<double>(now - measured_at_).count();
  const uint64_t bytes = status_.bytes_received;
  if (seconds <= 0) return;
  const double rate = (bytes - std::min(bytes, measured_bytes_)) / seconds;
  // Smoothed over a few measurements, for people to read.
  status_.bytes_per_second = static_cast<uint64_t>(
      status_.bytes_per_second == 0 ? rate
                                    : (status_.bytes_per_second + rate) / 2);
  measured_at_ = now;
  measured_bytes_ = bytes;
  Notify();
}

void Reception::Notify() {
  if (observer_ != nullptr) observer_->OnUpdate(status_);
}

}  // namespace tcptool::dataplane
