#include "server/metrics/metrics.h"

#include <prometheus/text_serializer.h>

#include <iterator>
#include <utility>
#include <vector>

#include "server/metrics/metric_family.h"
#include "version.h"

namespace tcptool::server {
namespace {

std::vector<prometheus::MetricFamily> ServiceMetrics(bool is_ready) {
  std::vector<prometheus::MetricFamily> families = {
      Gauge("tcptool_build_info", "Always 1; its labels say what runs."),
      Gauge("tcptool_ready", "1: takes new sessions. 0: is being drained.")};
  Add(families[0], 1,
      {{.name = "version", .value = std::string(kVersion)},
       {.name = "compiler", .value = __VERSION__}});
  Add(families[1], is_ready ? 1 : 0);
  return families;
}

}  // namespace

std::string Metrics::Render(bool is_ready) const {
  std::vector<prometheus::MetricFamily> families = ServiceMetrics(is_ready);
  if (data_certificate_) {
    families.push_back(
        Gauge("tcptool_data_certificate_expiry_timestamp_seconds",
              "Until when the certificate of encrypted content is valid."));
    Add(families.back(), absl::ToUnixSeconds(data_certificate_()));
  }
  std::vector<const prometheus::Collectable*> parts = {&transfers_, &registry_,
                                                       &process_};
  if (fleet_) parts.push_back(&*fleet_);
  for (const prometheus::Collectable* part : parts) {
    std::ranges::move(part->Collect(), std::back_inserter(families));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace tcptool::server
