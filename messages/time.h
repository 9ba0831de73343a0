// Points in time and durations of the API's messages, as Abseil has them.
#ifndef TCPTOOL_MESSAGES_TIME_H_
#define TCPTOOL_MESSAGES_TIME_H_

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace tcptool {

// Finite values, to the nanosecond.
absl::Time ToTime(const google::protobuf::Timestamp& time);
absl::Duration ToDuration(const google::protobuf::Duration& duration);

google::protobuf::Timestamp ToTimestamp(absl::Time time);
// The nearest that a Timestamp may be, of the years 1 to 9999: of what anybody
// may have chosen, as the time of a file.
google::protobuf::Timestamp ToNearestTimestamp(absl::Time time);
google::protobuf::Duration ToProtoDuration(absl::Duration duration);

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_TIME_H_
