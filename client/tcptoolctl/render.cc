#include "client/tcptoolctl/render.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/tcptoolctl/labelled_lines.h"
#include "messages/counts.h"
#include "messages/source.h"
#include "messages/states.h"
#include "messages/time.h"
#include "text/amounts.h"
#include "text/characters.h"

namespace tcptool {
namespace {

constexpr int kBarWidth = 20;
constexpr absl::string_view kNothing = "-";

std::string Rate(int64_t bytes_per_second) {
  if (bytes_per_second == 0) return std::string(kNothing);
  return absl::StrCat(HumanBytes(bytes_per_second), "/s");
}

// How far the recipient has the content. A node begins where it is.
int64_t Acknowledged(const v1::Recipient& recipient) {
  return recipient.offset() + recipient.bytes_acked();
}

std::string TimeLeft(const v1::Recipient& recipient, int64_t content_length) {
  if (recipient.state() != v1::RECIPIENT_STATE_TRANSFERRING ||
      recipient.bytes_per_second() <= 0) {
    return std::string(kNothing);
  }
  return HumanDuration(
      absl::Seconds((content_length - Acknowledged(recipient)) /
                    recipient.bytes_per_second()));
}

std::string Source(const v1::SessionSpec& spec) {
  if (spec.has_reception()) return spec.reception().name();
  if (!spec.has_file()) return "upload";
  const v1::FileSource& file = spec.file();
  std::string source = absl::StrCat(file.root(), "/", file.path());
  if (file.offset() != 0) absl::StrAppend(&source, " from ", file.offset());
  return source;
}

std::string Destination(const v1::ReceptionSpec& spec) {
  return absl::StrCat(spec.destination().root(), "/",
                      spec.destination().path());
}

// "2 delivered, 1 failed": the states that some recipient is in.
std::string Counts(const v1::RecipientCounts& counts) {
  const std::array<std::pair<int32_t, absl::string_view>, 9> all = {{
      {counts.expected(), "expected"},
      {counts.handshaking(), "handshaking"},
      {counts.ready(), "ready"},
      {counts.transferring(), "transferring"},
      {counts.confirming(), "confirming"},
      {counts.delivered(), "delivered"},
      {counts.failed(), "failed"},
      {counts.rejected(), "rejected"},
      {counts.dropped(), "dropped"},
  }};
  std::vector<std::string> parts;
  for (const auto& [count, name] : all) {
    if (count != 0) parts.push_back(absl::StrCat(count, " ", name));
  }
  return parts.empty() ? "none" : absl::StrJoin(parts, ", ");
}

std::string Space(const v1::Root& root) {
  if (!root.has_free_bytes()) return "not available";
  return absl::StrCat(HumanBytes(root.free_bytes()), " free of ",
                      HumanBytes(root.total_bytes()));
}

// Takes out the column IDENTITY where nobody has one: few sessions are
// encrypted.
void DropUnusedIdentity(std::vector<std::vector<std::string>>& rows) {
  const auto column = std::ranges::find(rows.front(), "IDENTITY");
  const auto index = column - rows.front().begin();
  const bool is_used =
      std::any_of(rows.begin() + 1, rows.end(),
                  [index](const auto& row) { return row[index] != kNothing; });
  if (is_used) return;
  for (auto& row : rows) row.erase(row.begin() + index);
}

std::string Encryption(const v1::Encryption& encryption) {
  const int names = encryption.client_names_size();
  return names == 0 ? "TLS" : absl::StrCat("TLS, client names: ", names);
}

}  // namespace

std::string OrNothing(const std::string& text) {
  return text.empty() ? std::string(kNothing) : Printable(text);
}

std::string Bar(int64_t done, int64_t total, int width) {
  const double part =
      total <= 0
          ? 1.0
          : std::clamp(static_cast<double>(done) / static_cast<double>(total),
                       0.0, 1.0);
  // Rounded down, so that full means all.
  const bool all = done >= total;
  const int places = all ? width : std::min(width - 1, int(part * width));
  const int percent = all ? 100 : std::min(99, int(part * 100));
  return absl::StrFormat("[%s%s] %3d%%", std::string(places, '#'),
                         std::string(width - places, '.'), percent);
}

std::string Table(const std::vector<std::vector<std::string>>& rows,
                  size_t columns) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Columns(row[i]));
    }
  }
  size_t before_last = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i] + 2;
  const size_t last = std::max(Columns(rows.front().back()),
                               columns - std::min(columns, before_last));
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      absl::StrAppend(&line, row[i],
                      std::string(widths[i] - Columns(row[i]) + 2, ' '));
    }
    absl::StrAppend(&line, Truncate(row.back(), last));
    absl::StrAppend(&table, absl::StripTrailingAsciiWhitespace(line), "\n");
  }
  return table;
}

std::string StateAndReason(const v1::Recipient& recipient) {
  std::string text = StateName(recipient.state());
  if (recipient.reason() != v1::RECIPIENT_REASON_UNSPECIFIED) {
    absl::StrAppend(&text, " (", ReasonName(recipient.reason()), ")");
  }
  return text;
}

std::string WhoIs(const v1::Recipient& recipient) {
  return Printable(absl::StrCat(
      recipient.address(),
      recipient.address().empty() || recipient.identity().empty() ? "" : " ",
      recipient.identity()));
}

std::string SessionTable(const std::vector<v1::Session>& sessions,
                         absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"SESSION", "STATE", "ADDRESS", "SIZE", "DELIVERED", "AGE"}};
  for (const v1::Session& session : sessions) {
    rows.push_back(
        {Printable(absl::StripPrefix(session.name(), "sessions/")),
         StateName(session.state()), OrNothing(session.data_endpoint()),
         session.has_content_length() ? HumanBytes(session.content_length())
                                      : std::string(kNothing),
         absl::StrCat(session.counts().delivered(), "/",
                      Takers(session.counts())),
         HumanDuration(now - ToTime(session.create_time()))});
  }
  return Table(rows);
}

std::string SessionDetails(const v1::Session& session) {
  LabelledLines lines;
  // One that was only checked has no name, and what comes with it.
  const bool is_made = !session.name().empty();
  if (is_made) lines.Add("session", session.name());
  lines.Add("state", StateName(session.state()));
  if (!session.error().empty()) lines.Add("error", session.error());
  if (is_made) lines.Add("address", session.data_endpoint());
  if (is_made) lines.Add("listening", session.listen_endpoint());
  if (session.spec().has_encryption()) {
    lines.Add("encryption", Encryption(session.spec().encryption()));
  }
  lines.Add("source", Source(session.spec()));
  if (session.has_source_modify_time()) {
    lines.AddTime("modified", session.source_modify_time());
  }
  if (!session.retry_of().empty()) lines.Add("retry of", session.retry_of());
  if (!session.creator().empty()) lines.Add("creator", session.creator());
  if (session.has_content_length()) {
    lines.Add("size", absl::StrFormat("%s (%d bytes)",
                                      HumanBytes(session.content_length()),
                                      session.content_length()));
  }
  if (!session.content_sha256().empty()) {
    lines.Add("sha256", session.content_sha256());
  }
  lines.Add("recipients", Counts(session.counts()));
  lines.Add("sent", HumanBytes(session.bytes_sent()));
  lines.Add("acknowledged", HumanBytes(session.bytes_acked()));
  if (is_made) lines.AddTime("created", session.create_time());
  if (session.has_start_time()) lines.AddTime("started", session.start_time());
  if (session.has_end_time()) {
    lines.AddTime("ended", session.end_time());
  } else if (session.has_expire_time()) {
    lines.AddTime("expires", session.expire_time());
  }
  return std::move(lines).Take();
}

std::string StateAndReason(const v1::Reception& reception) {
  std::string text = StateName(reception.state());
  if (reception.reason() != v1::RECEPTION_REASON_UNSPECIFIED) {
    absl::StrAppend(&text, " (", ReasonName(reception.reason()), ")");
  }
  if (!reception.detail().empty()) {
    absl::StrAppend(&text, ": ", Printable(reception.detail()));
  }
  return text;
}

std::string ReceptionProgress(const v1::Reception& reception) {
  const bool has_failed = IsFinal(reception.state()) &&
                          reception.state() != v1::RECEPTION_STATE_SUCCEEDED;
  if (has_failed || reception.bytes_received() == 0) {
    return StateAndReason(reception);
  }
  std::string text = absl::StrCat(StateName(reception.state()), ", ",
                                  HumanBytes(reception.bytes_received()));
  if (reception.has_content_length()) {
    absl::StrAppend(&text, " of ", HumanBytes(reception.content_length()));
  }
  if (reception.bytes_per_second() > 0) {
    absl::StrAppend(&text, ", ", Rate(reception.bytes_per_second()));
  }
  if (!reception.detail().empty()) {
    absl::StrAppend(&text, ": ", Printable(reception.detail()));
  }
  return text;
}

std::string ReceptionTable(const std::vector<v1::Reception>& receptions,
                           absl::Time now) {
  std::vector<std::vector<std::string>> rows = {
      {"RECEPTION", "STATE", "FROM", "TO", "RECEIVED", "SIZE", "AGE"}};
  for (const v1::Reception& reception : receptions) {
    rows.push_back({Printable(reception.name()), StateName(reception.state()),
                    OrNothing(SourceText(reception.spec())),
                    Printable(Destination(reception.spec())),
                    HumanBytes(reception.bytes_received()),
                    reception.has_content_length()
                        ? HumanBytes(reception.content_length())
                        : std::string(kNothing),
                    HumanDuration(now - ToTime(reception.create_time()))});
  }
  return Table(rows);
}

std::string ReceptionDetails(const v1::Reception& reception) {
  LabelledLines lines;
  lines.Add("reception", reception.name());
  lines.Add("state", StateAndReason(reception));
  lines.Add("from", SourceText(reception.spec()));
  if (!reception.peer_address().empty()) {
    lines.Add("connected to", reception.peer_address());
  }
  lines.Add("to", Destination(reception.spec()));
  if (reception.has_content_length()) {
    lines.Add("size", absl::StrFormat("%s (%d bytes)",
                                      HumanBytes(reception.content_length()),
                                      reception.content_length()));
  }
  lines.Add("received", HumanBytes(reception.bytes_received()));
  lines.Add("on the disk", HumanBytes(reception.bytes_durable()));
  if (!reception.content_sha256().empty()) {
    lines.Add("sha256", reception.content_sha256());
  }
  if (!reception.content_root().empty()) {
    lines.Add("root", reception.content_root());
  }
  lines.AddTime("created", reception.create_time());
  if (reception.has_connect_time()) {
    lines.AddTime("connected", reception.connect_time());
  }
  if (reception.has_start_time()) {
    lines.AddTime("started", reception.start_time());
  }
  if (reception.has_end_time()) lines.AddTime("ended", reception.end_time());
  return std::move(lines).Take();
}

std::string RecipientTable(const std::vector<v1::Recipient>& recipients) {
  std::vector<std::vector<std::string>> rows = {
      {"RECIPIENT", "ADDRESS", "IDENTITY", "LABEL", "STATE", "ACKED", "RATE",
       "RTT", "RETRANSMITS"}};
  for (const v1::Recipient& recipient : recipients) {
    const std::pair<absl::string_view, absl::string_view> ids = absl::StrSplit(
        absl::StripPrefix(recipient.name(), "sessions/"), "/recipients/");
    rows.push_back(
        {Printable(absl::StrCat(ids.first, "/", ids.second)),
         OrNothing(recipient.address()), OrNothing(recipient.identity()),
         OrNothing(recipient.label()), StateAndReason(recipient),
         HumanBytes(recipient.bytes_acked()),
         Rate(recipient.bytes_per_second()),
         recipient.has_rtt()
             ? absl::StrFormat("%.1f ms", absl::ToDoubleMilliseconds(
                                              ToDuration(recipient.rtt())))
             : std::string(kNothing),
         absl::StrCat(recipient.retransmits())});
  }
  DropUnusedIdentity(rows);
  return Table(rows);
}

std::string ProgressTable(const std::vector<v1::Recipient>& recipients,
                          std::optional<int64_t> content_length) {
  std::vector<std::vector<std::string>> rows = {{"ADDRESS", "IDENTITY", "LABEL",
                                                 "STATE", "ACKED", "RATE",
                                                 "PROGRESS", "LEFT"}};
  for (const v1::Recipient& recipient : recipients) {
    rows.push_back(
        {OrNothing(recipient.address()), OrNothing(recipient.identity()),
         OrNothing(recipient.label()), StateAndReason(recipient),
         HumanBytes(recipient.bytes_acked()),
         Rate(recipient.bytes_per_second()),
         content_length
             ? Bar(Acknowledged(recipient), *content_length, kBarWidth)
             : std::string(kNothing),
         content_length ? TimeLeft(recipient, *content_length)
                        : std::string(kNothing)});
  }
  DropUnusedIdentity(rows);
  return Table(rows);
}

std::string NodeDetails(const v1::Node& node) {
  LabelledLines lines;
  lines.Add("version", node.version());
  lines.AddTime("started", node.start_time());
  lines.Add("uptime", HumanDuration(ToDuration(node.uptime())));
  for (const v1::Root& root : node.roots()) {
    lines.Add(absl::StrCat("root ", root.name()), Space(root));
  }
  for (const v1::Root& root : node.writable_roots()) {
    lines.Add(absl::StrCat("receive ", root.name()), Space(root));
  }
  lines.Add("data address", node.data_address());
  lines.Add("data ports", absl::StrCat(node.data_ports().first(), "-",
                                       node.data_ports().last(), ", ",
                                       node.ports_in_use_size(), " in use"));
  lines.Add("lanes", absl::StrCat(node.lanes()));
  if (node.has_data_tls()) {
    const v1::DataTls& tls = node.data_tls();
    lines.Add(
        "encryption",
        absl::StrCat(tls.kernel_tls() ? "by the kernel" : "by the service",
                     ", recipients need ",
                     tls.client_certificates() ? "" : "no ", "certificates"));
    lines.AddTime("certificate to", tls.certificate_expire_time());
  }
  const v1::NodeLimits& limits = node.limits();
  lines.Add("max sessions", absl::StrCat(limits.max_sessions()));
  lines.Add("max recipients",
            absl::StrCat(limits.max_recipients_per_session(), " a session"));
  lines.Add("max watchers", absl::StrCat(limits.max_watchers()));
  lines.Add("max message", HumanBytes(limits.max_message_bytes()));
  lines.Add("upload window", HumanBytes(limits.stream_window_bytes()));
  lines.Add("upload memory", HumanBytes(limits.max_upload_bytes()));
  lines.Add("max receptions",
            absl::StrCat(limits.max_receptions(), ", of which ",
                         limits.max_running_receptions(), " run"));
  return std::move(lines).Take();
}

}  // namespace tcptool
