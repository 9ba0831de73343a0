// Memory for what is posted to a lane again and again.
#ifndef TCPTOOL_DATAPLANE_LANES_TASK_MEMORY_H_
#define TCPTOOL_DATAPLANE_LANES_TASK_MEMORY_H_

#include <array>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <utility>

namespace tcptool::dataplane {

// Of one task at a time. asio recycles the memory of two tasks for each thread,
// so that a third one that waits, or one that another thread has posted, costs
// an allocation each time.
class TaskMemory {
 public:
  TaskMemory() = default;
  TaskMemory(const TaskMemory&) = delete;
  TaskMemory& operator=(const TaskMemory&) = delete;

  // Any thread. The task before has begun to run. `task` keeps this alive.
  template <typename Task>
  void Post(asio::io_context& io, Task task) {
    asio::post(io, Handler<Task>(*this, std::move(task)));
  }

 private:
  template <typename T>
  class Allocator {
   public:
    using value_type = T;

    explicit Allocator(TaskMemory& memory) : memory_(&memory) {}
    template <typename Other>
    Allocator(const Allocator<Other>& other) : memory_(other.memory_) {}

    T* allocate(size_t) {
      static_assert(sizeof(T) <= sizeof memory_->bytes_ &&
                    alignof(T) <= alignof(std::max_align_t));
      return reinterpret_cast<T*>(memory_->bytes_.data());
    }
    void deallocate(T*, size_t) {}

    template <typename Other>
    bool operator==(const Allocator<Other>& other) const {
      return memory_ == other.memory_;
    }

   private:
    template <typename Other>
    friend class Allocator;

    TaskMemory* memory_;
  };

  // asio gives its memory back before it is called.
  template <typename Task>
  class Handler {
   public:
    using allocator_type = Allocator<std::byte>;

    Handler(TaskMemory& memory, Task task)
        : memory_(&memory), task_(std::move(task)) {}

    allocator_type get_allocator() const { return allocator_type(*memory_); }
    void operator()() { task_(); }

   private:
    TaskMemory* memory_;
    Task task_;
  };

  alignas(std::max_align_t) std::array<std::byte, 128> bytes_;
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_DATAPLANE_LANES_TASK_MEMORY_H_
