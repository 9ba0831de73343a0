#include "server/store/store_changes.h"

#include <utility>

#include "server/api/names.h"

namespace tcptool::server {

void StoreChanges::PutSession(const v1::Session& session,
                              const SessionExtra& extra) {
  SessionRow row = {.extra = extra};
  if (session.has_spec()) row.spec = session.spec().SerializeAsString();
  v1::Session status = session;
  status.clear_spec();
  row.status = status.SerializeAsString();
  SessionChange change;
  change.row = std::move(row);
  Merge(sessions_[session.name()], std::move(change));
}

void StoreChanges::PutRecipient(const v1::Recipient& recipient) {
  sessions_[SessionOf(recipient.name())]
      .recipients[*RecipientNumber(recipient.name())] =
      recipient.SerializeAsString();
}

void StoreChanges::DeleteRecipient(const std::string& session_name,
                                   uint64_t number) {
  sessions_[session_name].recipients[number] = std::nullopt;
}

void StoreChanges::DeleteRecipientsAbove(const std::string& session_name,
                                         uint64_t number) {
  SessionChange change;
  change.last_kept_recipient = number;
  Merge(sessions_[session_name], std::move(change));
}

void StoreChanges::DeleteSession(const std::string& name) {
  sessions_[name] = {.deleted = true};
}

void StoreChanges::PutReception(const v1::Reception& reception,
                                const ReceptionExtra& extra) {
  ReceptionChange change = {.extra = extra};
  if (reception.has_spec()) {
    change.spec = reception.spec().SerializeAsString();
  }
  v1::Reception status = reception;
  status.clear_spec();
  change.status = status.SerializeAsString();
  Merge(receptions_[reception.name()], std::move(change));
}

void StoreChanges::DeleteReception(const std::string& name) {
  receptions_[name] = {.deleted = true};
}

void StoreChanges::PutRequest(StoredRequest request) {
  const RequestKey key(request.kind, request.id);
  requests_[key] = std::move(request);
}

void StoreChanges::DeleteRequest(RequestKind kind, const std::string& id) {
  requests_[{kind, id}] = std::nullopt;
}

void StoreChanges::Merge(StoreChanges&& newer) {
  for (auto& [name, change] : newer.sessions_) {
    Merge(sessions_[name], std::move(change));
  }
  for (auto& [name, change] : newer.receptions_) {
    Merge(receptions_[name], std::move(change));
  }
  for (auto& [key, request] : newer.requests_) {
    requests_[key] = std::move(request);
  }
  for (const auto& [port, end] : newer.port_uses_) port_uses_[port] = end;
}

void StoreChanges::Merge(ReceptionChange& older, ReceptionChange&& newer) {
  if (newer.deleted) {
    older = std::move(newer);
    return;
  }
  // The spec never changes, and may not have been written yet.
  if (newer.spec) {
    older.spec = std::move(newer.spec);
    older.extra = std::move(newer.extra);
  } else if (!newer.extra.mark.empty()) {
    older.extra.mark = std::move(newer.extra.mark);
  }
  older.status = std::move(newer.status);
}

void StoreChanges::Merge(SessionChange& older, SessionChange&& newer) {
  if (newer.deleted) {
    older = std::move(newer);
    return;
  }
  if (newer.row) {
    // They may not have been written yet.
    if (older.row && !newer.row->spec) newer.row->spec = older.row->spec;
    if (older.row && newer.row->extra.number == 0) {
      newer.row->extra.number = older.row->extra.number;
    }
    older.row = std::move(newer.row);
  }
  if (newer.last_kept_recipient) {
    older.last_kept_recipient = newer.last_kept_recipient;
    older.recipients.erase(
        older.recipients.upper_bound(*newer.last_kept_recipient),
        older.recipients.end());
  }
  for (auto& [number, recipient] : newer.recipients) {
    older.recipients[number] = std::move(recipient);
  }
}

}  // namespace tcptool::server
