#include "server/fleet/coordinator/coordinator.h"

#include <optional>
#include <utility>

#include "tcptool/fleet/v1/fleet.pb.h"

namespace tcptool::fleet {
namespace {

std::string ValueOf(const CoordinatorOptions& options) {
  v1::Coordinator coordinator;
  coordinator.set_node(options.node);
  return coordinator.SerializeAsString();
}

}  // namespace

Coordinator::Coordinator(const asio::any_io_executor& executor, EtcdCalls* etcd,
                         CoordinatorOptions options, Events events)
    : executor_(executor),
      etcd_(etcd),
      options_(std::move(options)),
      events_(std::move(events)),
      key_(executor, etcd,
           {.key = options_.keys.Coordinator(), .value = ValueOf(options_)},
           {.held = [this](int64_t create_revision) { Begin(create_revision); },
            // The next transaction would be refused, at the latest.
            .lost = [this](const absl::Status&) { StepDown(); },
            .taken = [](const std::string&) {},
            .trouble =
                [this](const absl::Status& status) {
                  events_.trouble(status);
                }}) {}

Coordinator::~Coordinator() = default;

void Coordinator::ReportRates(const EdgeRates& rates, SlowEdges::Time now) {
  if (writer_ == nullptr) return;
  for (const EdgeRate& rate : rates) {
    const std::optional<SlowNode> slow =
        slow_edges_.Report(writer_->state(), rate, now);
    if (!slow) continue;
    writer_->ReportSlow(slow->distribution, slow->node);
    events_.slow(*slow);
  }
}

void Coordinator::ReportProgress(const std::vector<NodeProgress>& progress,
                                 ProgressBook::Time now) {
  if (writer_ == nullptr) return;
  for (const NodeProgress& one : progress) {
    progress_.Tell(writer_->state(), one, now);
  }
}

std::vector<NodeProgress> Coordinator::ProgressOf(
    const std::string& distribution, int64_t revision, ProgressBook::Time now) {
  if (writer_ == nullptr) return {};
  return progress_.Of(writer_->state(), distribution, revision, now);
}

void Coordinator::Resign(std::function<void(const absl::Status&)> done) {
  writer_.reset();
  key_.Release(std::move(done));
}

void Coordinator::Begin(int64_t create_revision) {
  writer_ = std::make_unique<PlanWriter>(
      executor_, etcd_,
      PlanWriterOptions{.keys = options_.keys,
                        .coordinator = create_revision,
                        .is_continued = create_revision == last_term_,
                        .pause = options_.pause,
                        .now = options_.now},
      PlanWriter::Events{
          .refused = [this] { key_.Check(); },
          .trouble =
              [this](const absl::Status& status) { events_.trouble(status); }});
  slow_edges_ = {};
  progress_ = ProgressBook();
  last_term_ = create_revision;
  events_.changed(true);
}

void Coordinator::StepDown() {
  writer_.reset();
  events_.changed(false);
}

}  // namespace tcptool::fleet
