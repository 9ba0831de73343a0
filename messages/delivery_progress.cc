#include "messages/delivery_progress.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "messages/distribution_states.h"
#include "text/amounts.h"

namespace tcptool {
namespace {

// `nodes`: whose bytes they are.
std::optional<int> Percent(int64_t bytes, int64_t nodes,
                           const v1::Distribution& distribution) {
  const double whole =
      static_cast<double>(distribution.content_length()) * nodes;
  if (whole <= 0) return std::nullopt;
  return static_cast<int>(
      std::min(100.0, 100.0 * static_cast<double>(bytes) / whole));
}

std::string DoneText(int64_t bytes, int64_t nodes,
                     const v1::Distribution& distribution) {
  const std::optional<int> percent = Percent(bytes, nodes, distribution);
  return percent ? absl::StrCat(*percent, "%") : HumanBytes(bytes);
}

std::string RateText(int64_t bytes_per_second) {
  if (bytes_per_second <= 0) return "";
  return absl::StrCat(HumanBytes(bytes_per_second), "/s");
}

// Zero: it is not known.
absl::Duration TimeLeft(const v1::Delivery& delivery,
                        const v1::Distribution& distribution) {
  const int64_t rate = delivery.bytes_per_second();
  const int64_t rest =
      distribution.content_length() - delivery.bytes_received();
  if (rate <= 0 || rest <= 0) return absl::ZeroDuration();
  return absl::Seconds((rest - 1) / rate + 1);
}

std::string LeftText(absl::Duration left) {
  return left == absl::ZeroDuration() ? "" : HumanDuration(left);
}

}  // namespace

ProgressNumbers ProgressNumbersOf(const v1::Delivery& delivery,
                                  const v1::Distribution& distribution) {
  if (!delivery.has_bytes_received()) return {};
  ProgressNumbers numbers;
  numbers.percent_done = Percent(delivery.bytes_received(), 1, distribution);
  const absl::Duration left = TimeLeft(delivery, distribution);
  if (left != absl::ZeroDuration()) {
    numbers.seconds_left = absl::ToInt64Seconds(left);
  }
  return numbers;
}

ProgressTexts ProgressTextsOf(const v1::Delivery& delivery,
                              const v1::Distribution& distribution) {
  if (!delivery.has_bytes_received()) return {};
  return {.done = DoneText(delivery.bytes_received(), 1, distribution),
          .rate = RateText(delivery.bytes_per_second()),
          .left = LeftText(TimeLeft(delivery, distribution))};
}

std::string ProgressText(const ProgressTexts& progress) {
  std::vector<std::string> parts;
  if (!progress.done.empty()) parts.push_back(progress.done);
  if (!progress.rate.empty()) parts.push_back(progress.rate);
  if (!progress.left.empty()) {
    parts.push_back(absl::StrCat(progress.left, " left"));
  }
  return absl::StrJoin(parts, ", ");
}

void ProgressSum::Add(const v1::Delivery& delivery,
                      const v1::Distribution& distribution) {
  if (!delivery.has_bytes_received()) return;
  ++nodes_;
  bytes_ += delivery.bytes_received();
  rate_ += delivery.bytes_per_second();
  left_ = std::max(left_, TimeLeft(delivery, distribution));
}

void ProgressSum::Add(const ProgressSum& other) {
  nodes_ += other.nodes_;
  bytes_ += other.bytes_;
  rate_ += other.rate_;
  left_ = std::max(left_, other.left_);
}

ProgressTexts ProgressSum::Progress(
    const v1::Distribution& distribution) const {
  if (empty()) return {};
  return {.done = DoneText(bytes_, nodes_, distribution),
          .rate = RateText(rate_),
          .left = LeftText(left_)};
}

void OverallProgress::Add(const v1::Delivery& delivery) {
  is_known_ = is_known_ || delivery.has_bytes_received();
  v1::Delivery counted;
  counted.set_bytes_received(delivery.state() == v1::DELIVERY_STATE_DELIVERED
                                 ? distribution_.content_length()
                                 : delivery.bytes_received());
  counted.set_bytes_per_second(delivery.bytes_per_second());
  sum_.Add(counted, distribution_);
}

ProgressTexts OverallProgress::Progress() const {
  if (!is_known_ || distribution_.content_length() <= 0 ||
      IsFinal(distribution_.state())) {
    return {};
  }
  return sum_.Progress(distribution_);
}

}  // namespace tcptool
