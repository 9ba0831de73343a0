// Tells ThreadSanitizer what Abseil's locks order. Debian's Abseil is built
// without it, so that it sees neither the locks' atomics nor, therefore, the
// order of what happens under them. The functions here stand before the
// library's own when symbols are looked up (ld.so(8)), and call those. For
// --config=tsan alone.
#include <dlfcn.h>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

// gcc's libsanitizer, tsan/tsan_interface.h.
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);

// Of a process there is one list, so gRPC's entries are here too.
extern "C" const char* __tsan_default_suppressions() {
  return
      // The counter of a status's references, whose last one frees its details,
      // and the graph in which Abseil looks for deadlocks, are the library's
      // own: their order is not seen.
      "race:absl::*::Status::Unref\n"
      "race:absl::*::Storage<absl::*::status_internal::Payload*\n"
      "race:absl::*::GraphCycles::*\n"
      // gRPC hands its own members from thread to thread with atomics that are
      // not seen. Functions that call none of ours are left out whole; of
      // others only what they touch themselves, so that the races of those that
      // they call are still reported.
      "race_top:^grpc::\n"
      "race:^grpc::SerializationTraits<\n"
      "race:^grpc::internal::InterceptorBatchMethodsImpl::\n"
      "race:^grpc::internal::CallbackWithSuccessTag::Set(\n"
      "race:^grpc::internal::CallbackWithSuccessTag::Clear(\n"
      "race:^grpc::internal::CallOpClientRecvStatus::FinishOp(\n"
      "race:Impl::ServerCallback\n"
      "race:Impl::~ServerCallback\n"
      // It counts the reactions that still run (OnReadDone(), OnCancel()), and
      // calls OnDone(), which frees the call, behind the last of them: from
      // another thread, where the count is all that orders them.
      "race:^tcptool::server::OpenCalls::Remove(\n";
}

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

// The library's function of this mangled name. Called as a function that takes
// the object first, which is how the ABI passes it.
template <typename Result, typename... Arguments>
auto Next(const char* symbol) {
  return reinterpret_cast<Result (*)(Arguments...)>(dlsym(RTLD_NEXT, symbol));
}

void Acquired(const void* object) { __tsan_acquire(const_cast<void*>(object)); }

void Releasing(const void* object) {
  __tsan_release(const_cast<void*>(object));
}

// A condition is evaluated by whichever thread has the lock: the one that
// waits, or one that lets go of it. That thread reads the condition before it
// can say what is ordered, so what it reads until then is in code that is not
// watched: Abseil's own for a pointer to a function, and Holds().
class OrderedCondition {
 public:
  OrderedCondition(const Mutex* mutex, const Condition& condition)
      : mutex_(mutex), condition_(condition), ordered_(&Holds, this) {
    Releasing(mutex_);
  }
  OrderedCondition(const OrderedCondition&) = delete;
  OrderedCondition& operator=(const OrderedCondition&) = delete;

  // What to wait for; valid as long as this object.
  const Condition& condition() const { return ordered_; }

 private:
  __attribute__((no_sanitize_thread)) static bool Holds(void* object) {
    const auto* const self = static_cast<const OrderedCondition*>(object);
    Acquired(self->mutex_);
    const bool holds = self->condition_.Eval();
    Releasing(self->mutex_);
    return holds;
  }

  const Mutex* const mutex_;
  const Condition& condition_;
  const Condition ordered_;
};

}  // namespace

void Mutex::Lock() {
  static const auto next = Next<void, Mutex*>("_ZN4absl7debian35Mutex4LockEv");
  next(this);
  Acquired(this);
}

void Mutex::Unlock() {
  static const auto next =
      Next<void, Mutex*>("_ZN4absl7debian35Mutex6UnlockEv");
  Releasing(this);
  next(this);
}

bool Mutex::TryLock() {
  static const auto next =
      Next<bool, Mutex*>("_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = next(this);
  if (locked) Acquired(this);
  return locked;
}

void Mutex::ReaderLock() {
  static const auto next =
      Next<void, Mutex*>("_ZN4absl7debian35Mutex10ReaderLockEv");
  next(this);
  Acquired(this);
}

void Mutex::ReaderUnlock() {
  static const auto next =
      Next<void, Mutex*>("_ZN4absl7debian35Mutex12ReaderUnlockEv");
  Releasing(this);
  next(this);
}

void Mutex::Await(const Condition& condition) {
  static const auto next = Next<void, Mutex*, const Condition&>(
      "_ZN4absl7debian35Mutex5AwaitERKNS0_9ConditionE");
  const OrderedCondition ordered(this, condition);
  next(this, ordered.condition());
  Acquired(this);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  static const auto next = Next<bool, Mutex*, const Condition&, Duration>(
      "_ZN4absl7debian35Mutex16AwaitWithTimeoutERKNS0_9ConditionENS0_"
      "8DurationE");
  const OrderedCondition ordered(this, condition);
  const bool holds = next(this, ordered.condition(), timeout);
  Acquired(this);
  return holds;
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto next = Next<bool, Mutex*, const Condition&, Time>(
      "_ZN4absl7debian35Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const OrderedCondition ordered(this, condition);
  const bool holds = next(this, ordered.condition(), deadline);
  Acquired(this);
  return holds;
}

void Mutex::LockWhen(const Condition& condition) {
  static const auto next = Next<void, Mutex*, const Condition&>(
      "_ZN4absl7debian35Mutex8LockWhenERKNS0_9ConditionE");
  const OrderedCondition ordered(this, condition);
  next(this, ordered.condition());
  Acquired(this);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto next = Next<void, CondVar*, Mutex*>(
      "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  Releasing(mutex);
  next(this, mutex);
  Acquired(mutex);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static const auto next = Next<bool, CondVar*, Mutex*, Duration>(
      "_ZN4absl7debian37CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  Releasing(mutex);
  const bool timed_out = next(this, mutex, timeout);
  Acquired(mutex);
  return timed_out;
}

void Notification::Notify() {
  static const auto next =
      Next<void, Notification*>("_ZN4absl7debian312Notification6NotifyEv");
  Releasing(this);
  next(this);
}

void Notification::WaitForNotification() const {
  static const auto next = Next<void, const Notification*>(
      "_ZNK4absl7debian312Notification19WaitForNotificationEv");
  next(this);
  Acquired(this);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  static const auto next = Next<bool, const Notification*, Duration>(
      "_ZNK4absl7debian312Notification30WaitForNotificationWithTimeoutENS0_"
      "8DurationE");
  const bool notified = next(this, timeout);
  if (notified) Acquired(this);
  return notified;
}

ABSL_NAMESPACE_END
}  // namespace absl
