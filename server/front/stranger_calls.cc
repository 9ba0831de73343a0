#include "server/front/stranger_calls.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"

namespace tcptool::server {

using dataplane::Clock;

StrangerCalls::Admitted StrangerCalls::Admit(absl::string_view bytes) {
  Admitted all = {.bytes = 0, .next = Next::kMore};
  while (!bytes.empty()) {
    const Admitted some =
        payload_left_ > 0 ? AdmitPayload(bytes) : AdmitFrame(bytes);
    all.bytes += some.bytes;
    all.next = some.next;
    bytes.remove_prefix(some.bytes);
    if (some.bytes == 0) break;
  }
  return all;
}

StrangerCalls::Admitted StrangerCalls::AdmitPayload(absl::string_view bytes) {
  size_t count = std::min(bytes.size(), payload_left_);
  if (Call* const call = Find(data_of_); call != nullptr) {
    count = std::min(count, kMaxDataBytes - call->data);
    call->data += count;
  }
  payload_left_ -= count;
  return {.bytes = count, .next = count > 0 ? Next::kMore : Next::kWait};
}

StrangerCalls::Admitted StrangerCalls::AdmitFrame(absl::string_view bytes) {
  const std::optional<Http2Frame> frame = Http2Frame::At(bytes);
  if (!frame) return {.bytes = 0, .next = Next::kMore};
  data_of_ = 0;
  switch (frame->type) {
    case Http2Frame::kHeaders:
      return AdmitCall(*frame, bytes);
    case Http2Frame::kContinuation:
      return Reset("it sends a CONTINUATION without HEADERS");
    case Http2Frame::kRstStream: {
      const Call* const call = Find(frame->stream);
      if (call == nullptr) break;
      if (!call->answered) return {.bytes = 0, .next = Next::kWait};
      std::erase_if(open_, [&](const Call& open) {
        return open.stream == frame->stream;
      });
      break;
    }
    case Http2Frame::kGoAway:
      // gRPC makes room for all of its payload at once, and keeps what each one
      // says until the connection ends.
      if (frame->length > kMaxBlockBytes) {
        return Reset("it sends a GOAWAY that is too large");
      }
      if (++goaways_ > kMaxGoAways) {
        return Reset("it says more often than twice that it goes away");
      }
      break;
    case Http2Frame::kData:
      data_of_ = frame->stream;
      break;
    case Http2Frame::kSettings:
    case Http2Frame::kPing:
      if (frame->Has(Http2Frame::kAck)) break;
      if (unacknowledged_ >= kMaxUnacknowledged) {
        return {.bytes = 0, .next = Next::kWait};
      }
      ++unacknowledged_;
      break;
    default:
      break;
  }
  payload_left_ = frame->length;
  return {.bytes = Http2Frame::kHeaderBytes, .next = Next::kMore};
}

StrangerCalls::Admitted StrangerCalls::AdmitCall(const Http2Frame& first,
                                                 absl::string_view bytes) {
  // To these gRPC has no answer: the call would keep its slot.
  if (first.stream % 2 == 0) {
    return Reset("it sends HEADERS on a stream that is not a client's");
  }
  // A client's second HEADERS on a stream are trailers, which gRPC has none of.
  if (first.stream <= last_stream_) {
    return Reset("it sends HEADERS on a stream that it has used");
  }
  size_t size = first.size();
  Http2Frame last = first;
  while (size <= kMaxBlockBytes && !last.Has(Http2Frame::kEndHeaders)) {
    if (bytes.size() < size) return {.bytes = 0, .next = Next::kMore};
    const std::optional<Http2Frame> next = Http2Frame::At(bytes.substr(size));
    if (!next) return {.bytes = 0, .next = Next::kMore};
    if (next->type != Http2Frame::kContinuation ||
        next->stream != first.stream) {
      return Reset("it sends something else within a block of headers");
    }
    last = *next;
    size += last.size();
  }
  if (size > kMaxBlockBytes) {
    return Reset(absl::StrCat("it sends a block of headers of more than ",
                              kMaxBlockBytes, " bytes"));
  }
  if (bytes.size() < size) return {.bytes = 0, .next = Next::kMore};
  if (open_.size() >= kMaxOpen || !share_.Take()) {
    return {.bytes = 0, .next = Next::kWait};
  }
  last_stream_ = first.stream;
  open_.push_back({.stream = first.stream, .since = Clock::now()});
  return {.bytes = size, .next = Next::kMore};
}

StrangerCalls::Admitted StrangerCalls::Reset(absl::string_view why) {
  why_ = std::string(why);
  return {.bytes = 0, .next = Next::kReset};
}

void StrangerCalls::OnAnswer(absl::string_view bytes) {
  while (!bytes.empty()) {
    if (answer_left_ > 0) {
      const size_t count = std::min(bytes.size(), answer_left_);
      answer_left_ -= count;
      bytes.remove_prefix(count);
      continue;
    }
    const size_t count = std::min(
        bytes.size(), Http2Frame::kHeaderBytes - answer_header_.size());
    absl::StrAppend(&answer_header_, bytes.substr(0, count));
    bytes.remove_prefix(count);
    const std::optional<Http2Frame> frame = Http2Frame::At(answer_header_);
    if (!frame) return;
    answer_header_.clear();
    answer_left_ = frame->length;
    OnFrameOfServer(*frame);
  }
}

void StrangerCalls::OnFrameOfServer(const Http2Frame& frame) {
  const bool acknowledges =
      frame.type == Http2Frame::kSettings || frame.type == Http2Frame::kPing;
  if (acknowledges && frame.Has(Http2Frame::kAck) && unacknowledged_ > 0) {
    --unacknowledged_;
  }
  Call* const call = Find(frame.stream);
  if (call == nullptr) return;
  const bool reset = frame.type == Http2Frame::kRstStream;
  if (reset || frame.type == Http2Frame::kHeaders) Answered(*call);
  const bool may_end =
      frame.type == Http2Frame::kHeaders || frame.type == Http2Frame::kData;
  if (reset || (may_end && frame.Has(Http2Frame::kEndStream))) {
    std::erase_if(
        open_, [&](const Call& open) { return open.stream == frame.stream; });
  }
}

void StrangerCalls::Answered(Call& call) {
  if (!std::exchange(call.answered, true)) share_.Release();
}

void StrangerCalls::Clear() {
  open_.clear();
  share_.ReleaseAll();
}

StrangerCalls::Call* StrangerCalls::Find(uint32_t stream) {
  const auto found = std::ranges::find(open_, stream, &Call::stream);
  return found == open_.end() ? nullptr : &*found;
}

Clock::time_point StrangerCalls::UnansweredSince(Clock::time_point none) const {
  // In the order in which they were admitted.
  const auto found = std::ranges::find(open_, false, &Call::answered);
  return found == open_.end() ? none : found->since;
}

}  // namespace tcptool::server
