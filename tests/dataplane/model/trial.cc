#include "tests/dataplane/model/trial.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "dataplane/sending/delivery.h"
#include "tests/dataplane/model/orders.h"

namespace tcptool::dataplane {
namespace {

// How long what must happen may take. Shorter than other tests', since a
// promise that is broken is so in many trials.
constexpr absl::Duration kPatience = absl::Seconds(10);

// The recipient's program: a socket, and what it has read of it.
class Program {
 public:
  // A small receive buffer, so that a large content needs somebody who reads.
  explicit Program(uint16_t port) : peer_(port, 16 << 10) {}

  void Say(char byte) { Send({&byte, 1}, 0); }
  void HalfClose() { peer_.HalfClose(); }
  void SayUrgent() { Send("!", MSG_OOB); }
  // What a sender's receive buffer has no room for stays in the kernel, and so
  // does all that follows. Zeros, so that its first byte may be kByte.
  void SayMuch() {
    const std::string input(size_t{60} << 10, '\0');
    Send(input, 0);
  }
  void Reset() { peer_.Reset(); }
  // As the kernel does it for a process that ends, whatever it has not read.
  void Kill() { peer_.Close(); }

  // Reads what is there. False: there was nothing, or there will be no more.
  bool ReadSome() {
    if (ended()) return false;
    char buffer[1 << 16];
    const ssize_t got = recv(peer_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      data_.append(buffer, got);
      return true;
    }
    if (got == 0) orderly_end_ = true;
    if (got < 0 && errno != EAGAIN) error_ = errno;
    return false;
  }
  // Waits until there is something to read, or an end. False: not in time.
  bool AwaitInput() {
    pollfd readable = {.fd = peer_.fd(), .events = POLLIN, .revents = 0};
    return poll(&readable, 1, absl::ToInt64Milliseconds(kPatience)) > 0;
  }
  // False: no end came in time.
  bool ReadToTheEnd() {
    while (!ended()) {
      if (!ReadSome() && !ended() && !AwaitInput()) return false;
    }
    return true;
  }

  bool ended() const { return orderly_end_ || error_ != 0; }
  bool orderly_end() const { return orderly_end_; }
  const std::string& data() const { return data_; }

 private:
  // A reset is told once, to whichever call comes first: a program that took no
  // notice of it here would read an orderly end afterwards.
  void Send(std::string_view input, int flags) {
    flags |= MSG_NOSIGNAL | MSG_DONTWAIT;
    if (send(peer_.fd(), input.data(), input.size(), flags) < 0 &&
        errno != EAGAIN) {
      error_ = errno;
    }
  }

  Peer peer_;
  std::string data_;
  bool orderly_end_ = false;
  int error_ = 0;
};

bool Has(const std::string& order, char event) {
  return order.find(event) != std::string::npos;
}

// The events of a trial, up to those that only the sender's process can suffer.
class Course {
 public:
  Course(const Trial& trial, Sender& sender)
      : trial_(trial), sender_(sender), program_(sender.port()) {}

  void Run() {
    held_ = trial_.held;
    if (held_) sender_.Hold();
    for (const char event : trial_.order) {
      // Its owner kills it, held or not.
      if (event == kKillSender) return;
      Happen(event);
      if (!held_) {
        if (event == kStartByte) AwaitContent();
        sender_.Settle();
      }
      KeepReading();
    }
    if (held_) sender_.Release();
    held_ = false;
    sender_.Settle();
    KeepReading();
  }

  Program& program() { return program_; }
  const Program& program() const { return program_; }
  // The recipient is, in a way that it chose or not.
  bool gone() const { return gone_; }
  absl::Time began() const { return began_; }

  bool HasAll() const {
    const Contents& contents = ContentsOf(trial_.size);
    return program_.data() == contents.before ||
           (Has(trial_.order, kChange) && program_.data() == contents.after);
  }
  // What a recipient takes for whole is whole. Empty: so it is.
  std::string CheckWhole() const {
    if (!program_.orderly_end() || HasAll()) return "";
    const size_t got = program_.data().size();
    return absl::StrCat(
        "an orderly end after ", got, " of ", trial_.size, " bytes",
        got == trial_.size ? ", which the file never had together" : "");
  }

 private:
  void Happen(char event) {
    switch (event) {
      case kByte:
        return program_.Say(0);
      case kStartByte:
        return program_.Say(1);
      case kFin:
        return program_.HalfClose();
      case kUrgent:
        return program_.SayUrgent();
      case kMuch:
        return program_.SayMuch();
      case kRead:
        reading_ = true;
        return;
      case kStopReading:
        reading_ = false;
        return;
      case kChange:
        return sender_.Change();
      case kReset:
        gone_ = true;
        return program_.Reset();
      case kKill:
        gone_ = true;
        return program_.Kill();
      default:
        return;
    }
  }

  // What comes next is to meet a transfer that has begun. (A byte of urgent
  // data may stand for the start byte, or not.)
  void AwaitContent() {
    if (!Has(trial_.order, kByte) && !Has(trial_.order, kUrgent) &&
        !Has(trial_.order, kMuch)) {
      program_.AwaitInput();
    }
  }

  // Until nothing comes any more of what the sender can send now.
  void KeepReading() {
    while (reading_ && !gone_ && program_.ReadSome()) {
      while (program_.ReadSome()) {
      }
      if (!held_) sender_.Settle();
    }
  }

  const Trial& trial_;
  Sender& sender_;
  const absl::Time began_ = absl::Now();
  Program program_;
  bool reading_ = false;
  bool gone_ = false;
  bool held_ = false;
};

bool NobodyIsServed(const SessionStatus& session) {
  return session.count(RecipientState::kHandshaking) == 0 &&
         session.count(RecipientState::kReady) == 0 &&
         session.count(RecipientState::kTransferring) == 0 &&
         session.count(RecipientState::kConfirming) == 0;
}

// Of a recipient that has reset its connection. Empty: nothing is left of it.
std::string CheckReset(const Trial& trial, LocalSender& sender) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!NobodyIsServed(sender.recorder().session())) {
    if (absl::Now() > deadline) {
      return "a recipient is still served whose connection has been reset";
    }
    sender.Settle();
  }
  // It was reset before the sender could see anything of it.
  if (trial.held &&
      sender.recorder().session().state != SessionState::kWaiting) {
    return "a connection that had been reset already has started the session";
  }
  return "";
}

// DELIVERED is said of whom has all, and of those only.
void CheckDelivery(const Trial& trial, const Course& course, bool closed_whole,
                   LocalSender& sender, Verdict& verdict) {
  for (const auto& [id, recipient] : sender.recorder().recipients()) {
    const bool delivered = recipient.state == RecipientState::kDelivered;
    verdict.delivered |= delivered && closed_whole;
    if (delivered && !course.HasAll()) {
      verdict.broken = absl::StrCat("DELIVERED, and the recipient has read ",
                                    course.program().data().size(), " of ",
                                    trial.size, " bytes");
    } else if (!delivered && closed_whole && !Has(trial.order, kChange)) {
      verdict.broken = absl::StrCat("the recipient has all, and is ",
                                    std::string(Name(recipient.state)), ", ",
                                    std::string(Name(recipient.reason)));
    }
  }
}

Verdict RunInProcess(const Trial& trial, Engine& engine) {
  LocalSender sender(engine, trial.size);
  Course course(trial, sender);
  course.Run();
  // A peer that half-closed can say no more; what becomes of it is looked for
  // this long after it has acknowledged all.
  const bool in_time =
      absl::Now() - course.began() < absl::FromChrono(Delivery::kGrace);

  Verdict verdict;
  if (Has(trial.order, kReset)) verdict.broken = CheckReset(trial, sender);
  if (sender.recorder().session().state == SessionState::kWaiting &&
      (Has(trial.order, kReset) || !sender.Start())) {
    sender.Cancel();
  }
  bool closed_whole = false;
  if (!course.gone()) {
    if (!course.program().ReadToTheEnd()) verdict.broken = "no end has come";
    closed_whole = course.program().orderly_end();
    course.program().Kill();
  }
  if (!IsFinal(sender.recorder().WaitForEnd())) {
    verdict.broken = "the session has not ended";
  }
  if (verdict.broken.empty()) verdict.broken = course.CheckWhole();
  if (verdict.broken.empty()) {
    CheckDelivery(trial, course, closed_whole, sender, verdict);
    verdict.too_slow = !verdict.broken.empty() && !in_time && course.gone() &&
                       Has(trial.order, kFin);
  }
  return verdict;
}

Verdict RunToItsKill(const Trial& trial, SenderProcesses& processes) {
  const std::unique_ptr<SenderProcesses::Child> sender =
      processes.Make(trial.size);
  Course course(trial, *sender);
  course.Run();
  sender->Kill();
  Verdict verdict;
  verdict.broken =
      course.program().ReadToTheEnd() ? course.CheckWhole() : "no end has come";
  return verdict;
}

}  // namespace

std::string Trial::ToString() const {
  return absl::StrCat("\"", order, "\", ", size, " bytes",
                      held ? ", all before the sender looks" : "");
}

Verdict Run(const Trial& trial, Engine& engine, SenderProcesses& processes) {
  return Has(trial.order, kKillSender) ? RunToItsKill(trial, processes)
                                       : RunInProcess(trial, engine);
}

}  // namespace tcptool::dataplane
