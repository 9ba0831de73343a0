// How many calls of strangers gRPC and the service have at a time, over all
// connections.
#ifndef TCPTOOL_SERVER_FRONT_STRANGER_SLOTS_H_
#define TCPTOOL_SERVER_FRONT_STRANGER_SLOTS_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <utility>

namespace tcptool::server {

// A call takes a slot from when gRPC gets it until gRPC answers it; and, as
// gRPC frees a call long after its answer if it has much to do, another from
// when the service gets it until gRPC says that it is done (OnDone).
//
// Connections that want a slot when there is none wait in the order in which
// they asked, each for one slot at a time: one with many calls keeps nobody
// from the first of theirs. One thread, but for what says otherwise.
class StrangerSlots {
 public:
  // What one connection has of them. Outlived by the slots.
  class Share {
   public:
    // `on_slot`: a slot was set aside for which Take() has asked in vain; it
    // must not call a method of the slots'.
    Share(StrangerSlots& slots, std::function<void()> on_slot)
        : slots_(slots), on_slot_(std::move(on_slot)) {}
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;
    ~Share() { ReleaseAll(); }

    // Takes a slot. False: there is none, and `on_slot` tells when there is.
    bool Take();
    // Gives one back, for whoever waits.
    void Release();
    // Gives back all, and waits for none any more.
    void ReleaseAll();

    size_t taken() const { return taken_; }

   private:
    friend class StrangerSlots;

    StrangerSlots& slots_;
    const std::function<void()> on_slot_;
    size_t taken_ = 0;
    bool waits_ = false;      // Is in the queue.
    bool set_aside_ = false;  // A slot is its own, but not taken yet.
  };

  explicit StrangerSlots(size_t count) : count_(count) {}

  // The service has one call more, or one less; after the latter, HandOut() has
  // to be called. Any thread.
  void BeginService() { ++in_service_; }
  void EndService() { --in_service_; }
  // Sets slots that are free aside for those who wait.
  void HandOut();

 private:
  bool IsOneFree() const { return taken_ + in_service_ < count_; }

  const size_t count_;
  size_t taken_ = 0;  // By shares, with those that are set aside.
  std::atomic<size_t> in_service_ = 0;
  std::deque<Share*> queue_;
};

}  // namespace tcptool::server

#endif  // TCPTOOL_SERVER_FRONT_STRANGER_SLOTS_H_
