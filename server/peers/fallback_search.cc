#include "server/peers/fallback_search.h"

#include <optional>
#include <utility>

#include "server/peers/follow_path.h"

namespace tcptool::server {

ParentChoice::Said SaidIn(const peer::v1::FollowResponse& response) {
  ParentChoice::Said said;
  if (response.has_stranded()) said.is_stranded = response.stranded();
  if (response.has_watermark() && response.watermark() >= 0) {
    said.watermark = static_cast<uint64_t>(response.watermark());
  }
  return said;
}

FallbackSearch::FallbackSearch(asio::io_context& io, FollowClients& clients,
                               const NodePlan& plan, ParentChoice& choice,
                               ParentChoice::Duration first_message,
                               Handlers handlers)
    : io_(io),
      clients_(clients),
      plan_(plan),
      choice_(choice),
      first_message_(first_message),
      handlers_(std::move(handlers)),
      timer_(io) {}

void FallbackSearch::Stop() {
  ++wait_;
  timer_.cancel();
  if (call_ != nullptr) std::exchange(call_, nullptr)->Cancel();
}

void FallbackSearch::Wait(ParentChoice::Duration time,
                          std::function<void()> then) {
  timer_.expires_after(time);
  timer_.async_wait([weak = weak_from_this(), wait = ++wait_,
                     then = std::move(then)](std::error_code error) {
    const auto self = weak.lock();
    if (!error && self != nullptr && self->wait_ == wait) then();
  });
}

void FallbackSearch::AskNext() {
  const std::optional<ParentChoice::Probe> probe = choice_.NextProbe();
  if (probe) Wait(probe->pause, [this, node = probe->node] { Ask(node); });
  handlers_.on_refusal();
}

void FallbackSearch::Ask(size_t node) {
  const NodePlan::Node& asked = plan_.nodes[node];
  call_ = NodeCall::Start(
      io_, clients_, NameOf(asked.target), handlers_.request(asked),
      {.on_message =
           [weak = weak_from_this(), node](const auto& response) {
             if (const auto self = weak.lock()) self->OnAnswer(node, response);
           },
       .on_end =
           [weak = weak_from_this(), node](const absl::Status& status) {
             if (const auto self = weak.lock()) self->OnEnd(node, status);
           }});
  Wait(first_message_, [this] { OnRefusal(); });
}

void FallbackSearch::OnAnswer(size_t node,
                              const peer::v1::FollowResponse& response) {
  ParentChoice::Said said = SaidIn(response);
  said.tells_more = handlers_.tells_more(response);
  if (!CheckPath(response.path(), plan_.id).ok()) return OnRefusal();
  Choose(node, said);
}

void FallbackSearch::OnEnd(size_t node, const absl::Status& status) {
  // It was asked for what is behind its end.
  if (absl::IsOutOfRange(status) && choice_.may_start_anew(node)) {
    return Choose(node, {.is_shorter = true});
  }
  OnRefusal();
}

void FallbackSearch::Choose(size_t node, const ParentChoice::Said& said) {
  if (!choice_.Suits(said, handlers_.position())) return OnRefusal();
  const auto self = shared_from_this();
  Stop();
  handlers_.on_found(node);
}

void FallbackSearch::OnRefusal() {
  Stop();
  AskNext();
}

}  // namespace tcptool::server
