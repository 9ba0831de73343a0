// How far deliveries are, as people read it at both ends. Pure functions.
#ifndef TCPTOOL_MESSAGES_DELIVERY_PROGRESS_H_
#define TCPTOOL_MESSAGES_DELIVERY_PROGRESS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "tcptool/v1/distribution.pb.h"

namespace tcptool {

// Each is empty where it is not known.
struct ProgressTexts {
  std::string done;  // "37%"; "96.0 MiB" while the length is not known.
  std::string rate;  // "12.0 MiB/s".
  std::string left;  // "5s".
};

// The same in numbers.
struct ProgressNumbers {
  std::optional<int> percent_done;      // 0 to 100, rounded down.
  std::optional<int64_t> seconds_left;  // Not 0.
};

// `distribution`: of which the delivery is, for the content's length.
ProgressNumbers ProgressNumbersOf(const v1::Delivery& delivery,
                                  const v1::Distribution& distribution);

// The same.
ProgressTexts ProgressTextsOf(const v1::Delivery& delivery,
                              const v1::Distribution& distribution);

// "37%, 12.0 MiB/s, 5s left"; empty if nothing is known.
std::string ProgressText(const ProgressTexts& progress);

// Of several deliveries of one distribution; counted are those of which is
// known how far they are.
class ProgressSum {
 public:
  void Add(const v1::Delivery& delivery, const v1::Distribution& distribution);

  void Add(const ProgressSum& other);

  bool empty() const { return nodes_ == 0; }
  // Of all together, with the longest time that one of them has left.
  ProgressTexts Progress(const v1::Distribution& distribution) const;

 private:
  int64_t nodes_ = 0;
  int64_t bytes_ = 0;
  int64_t rate_ = 0;
  absl::Duration left_;
};

// How far a distribution is as a whole: who has the content counts with all of
// it, who waits with nothing.
class OverallProgress {
 public:
  // `distribution` has to outlive it.
  explicit OverallProgress(const v1::Distribution& distribution)
      : distribution_(distribution) {}

  // One of its targets.
  void Add(const v1::Delivery& delivery);

  // With the longest time that one of them has left. All is empty unless the
  // distribution goes on, its length is known, and of a target how far that is.
  ProgressTexts Progress() const;

 private:
  const v1::Distribution& distribution_;
  ProgressSum sum_;
  bool is_known_ = false;
};

}  // namespace tcptool

#endif  // TCPTOOL_MESSAGES_DELIVERY_PROGRESS_H_
