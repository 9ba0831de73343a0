// Preloaded before libfaketime, whose timerfd_settime(2) takes each absolute
// time for one of CLOCK_REALTIME: where the clock of the day is set back by a
// month, asio's timer of the steady clock that is due at once is due in a
// month.
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

int timerfd_settime(int fd, int flags, const struct itimerspec* new_value,
                    struct itimerspec* old_value) {
  return (int)syscall(SYS_timerfd_settime, fd, flags, new_value, old_value);
}
