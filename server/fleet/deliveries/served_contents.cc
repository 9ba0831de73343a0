#include "server/fleet/deliveries/served_contents.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "messages/states.h"
#include "server/fleet/deliveries/post_weakly.h"

namespace tcptool::fleet {

ServedContents::ServedContents(ServedService service, std::string label)
    : service_(std::move(service)), label_(std::move(label)) {}

ServedContents::~ServedContents() {
  for (const auto& [name, served] : served_) served->Leave([] {});
}

void ServedContents::KeepOnly(const std::set<std::string>& names) {
  tcptool::v1::ListSessionsRequest request;
  request.set_page_size(1000);
  do {
    const auto page = service_.table.List(request);
    if (!page.ok()) return;  // No such page: what it was of is gone.
    for (const tcptool::v1::Session& session : page->sessions()) {
      if (session.spec().labels().contains(label_) &&
          !IsFinal(session.state()) && !names.contains(session.name())) {
        ++cancelled_[session.name()];
        Cancel(session.name());
      }
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
}

void ServedContents::Serve(tcptool::v1::CreateSessionRequest request,
                           DeliveryPort::OnServing serving) {
  std::string name = absl::StrCat("sessions/", request.session_id());
  served_[std::move(name)] = std::make_shared<ServedContent>(
      service_, std::move(request), std::move(serving));
}

void ServedContents::End(const std::string& name) {
  const auto served = served_.find(name);
  if (served == served_.end()) return;
  const std::shared_ptr<ServedContent> content = std::move(served->second);
  served_.erase(served);
  ++cancelled_[name];
  content->Leave([this, name, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) Cancel(name);
  });
}

void ServedContents::Cancel(const std::string& name) {
  tcptool::v1::CancelSessionRequest request;
  request.set_name(name);
  // That there is none, or that the service stops, is as good.
  service_.sessions.Cancel(
      request, [this, name, io = service_.io,
                alive = std::weak_ptr(alive_)](const auto& /*session*/) {
        PostWeakly(io, [this, name, alive] {
          if (alive.expired()) return;
          if (--cancelled_[name] == 0) cancelled_.erase(name);
        });
      });
}

void ServedContents::Look() {
  // What they tell may change the list.
  const auto served = served_;
  for (const auto& [name, content] : served) {
    if (!cancelled_.contains(name)) content->Look(BetweenCounts(nodes_));
  }
}

}  // namespace tcptool::fleet
