// Lists of sessions and of recipients, a page at a time.
#include <algorithm>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "server/api/page_token.h"
#include "server/api/selection.h"
#include "server/watch/page_items.h"
#include "server/watch/session_filter.h"
#include "server/watch/session_table.h"

namespace tcptool::server {
absl::StatusOr<v1::ListSessionsResponse> SessionTable::List(
    const v1::ListSessionsRequest& request) const {
  const absl::StatusOr<Page> page = Page::Of(request);
  if (!page.ok()) return page.status();
  const auto states = SetOf(request.states());
  absl::ReaderMutexLock lock(&mutex_);
  v1::ListSessionsResponse response;
  PageItems items(*page, *response.mutable_sessions());
  auto next =
      page->begin ? sessions_.upper_bound(*page->begin) : sessions_.end();
  while (next != sessions_.begin()) {
    --next;
    const SessionRow& row = next->second;
    const bool is_selected =
        IsOneOf(states, row.status.state()) &&
        HasLabels(row.spec, request.labels()) &&
        Selects(request.session_filter(), row.status, row.spec);
    if (!items.Look(is_selected, [&] { return row.In(request.view()); })) {
      response.set_next_page_token(page->Token(next->first));
      break;
    }
  }
  return response;
}

absl::StatusOr<v1::ListRecipientsResponse> SessionTable::ListRecipients(
    const v1::ListRecipientsRequest& request) const {
  const absl::StatusOr<Page> page = Page::Of(request);
  if (!page.ok()) return page.status();
  const auto states = SetOf(request.states());
  const auto labels = SetOf(request.labels());
  absl::ReaderMutexLock lock(&mutex_);
  const SessionRow* row = Find(request.parent());
  if (row == nullptr) return NoSuchSession(request.parent());
  v1::ListRecipientsResponse response;
  const RecipientSelection selection(request.recipient_filter());
  // Those that are expected since the listing began were among the others then,
  // and stay there: they may be on pages that are still to come.
  const auto& spec_expected = row->spec.expected();
  const auto total = static_cast<uint64_t>(spec_expected.size());
  const auto expected = absl::MakeConstSpan(
      spec_expected.data(), std::min(page->expected.value_or(total), total));
  PageItems items(*page, *response.mutable_recipients());
  // Returns false when the page is full, and sets its token.
  const auto add = [&](uint64_t id, const v1::Recipient& recipient) {
    const bool is_selected = IsOneOf(states, recipient.state()) &&
                             IsOneOf(labels, recipient.label()) &&
                             selection.Has(recipient);
    if (!items.Look(is_selected, [&] { return recipient; })) {
      response.set_next_page_token(page->Token(id, expected.size()));
      return false;
    }
    return true;
  };
  const auto& all = row->recipients;
  absl::flat_hash_set<uint64_t> places;
  for (const auto* recipient : expected) places.insert(recipient->number());
  const bool in_expected = !page->begin || places.contains(*page->begin);
  if (in_expected) {
    auto place = expected.begin();
    if (page->begin) {
      place = std::ranges::find_if(expected, [&page](const auto* recipient) {
        return static_cast<uint64_t>(recipient->number()) == *page->begin;
      });
    }
    for (; place != expected.end(); ++place) {
      const auto found = all.find((*place)->number());
      if (found != all.end() && !add(found->first, found->second.recipient)) {
        return response;
      }
    }
  }
  auto next = in_expected ? all.end() : all.upper_bound(*page->begin);
  while (next != all.begin()) {
    --next;
    if (places.contains(next->first)) continue;
    if (!add(next->first, next->second.recipient)) return response;
  }
  return response;
}

}  // namespace tcptool::server
