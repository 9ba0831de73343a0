// To have the system give the process no thread.
#ifndef TCPTOOL_TESTS_DATAPLANE_NO_THREADS_H_
#define TCPTOOL_TESTS_DATAPLANE_NO_THREADS_H_

#include <gtest/gtest.h>
#include <pthread.h>

namespace tcptool::dataplane {

// As long as it exists, std::thread's constructor throws: a thread's stack, as
// it is set by default, is larger than the address space.
class NoThreads {
 public:
  NoThreads() {
    pthread_getattr_default_np(&before_);
    pthread_attr_t endless = before_;
    pthread_attr_setstacksize(&endless, size_t{1} << 47);
    EXPECT_EQ(pthread_setattr_default_np(&endless), 0);
  }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
  ~NoThreads() { pthread_setattr_default_np(&before_); }

 private:
  pthread_attr_t before_{};
};

}  // namespace tcptool::dataplane

#endif  // TCPTOOL_TESTS_DATAPLANE_NO_THREADS_H_
