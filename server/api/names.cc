#include "server/api/names.h"

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace tcptool::server {
namespace {

constexpr absl::string_view kSessions = "sessions/";
constexpr absl::string_view kReceptions = "receptions/";
constexpr absl::string_view kDistributions = "distributions/";
constexpr absl::string_view kRecipients = "/recipients/";
constexpr absl::string_view kDeliveries = "/deliveries/";
constexpr absl::string_view kNodes = "nodes/";

// `letter`: the first of the id.
std::string RandomName(absl::string_view collection, char letter,
                       absl::BitGenRef random) {
  // No vowels, which make words.
  constexpr absl::string_view kAlphabet = "bcdfghjklmnpqrstvwxz0123456789";
  std::string name = absl::StrCat(collection, absl::string_view(&letter, 1));
  for (int i = 0; i < 9; ++i) {
    name += kAlphabet[absl::Uniform<size_t>(random, 0, kAlphabet.size())];
  }
  return name;
}

// What a node of some fleet may be called, as far as its form goes.
bool MayBeNode(absl::string_view node) {
  return !node.empty() && node.size() <= 64 &&
         node.find('/') == absl::string_view::npos;
}

}  // namespace

bool IsResourceId(absl::string_view id) {
  return !id.empty() && id.size() <= 63 && absl::ascii_islower(id.front()) &&
         id.back() != '-' &&
         id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") ==
             absl::string_view::npos;
}

bool IsSessionName(absl::string_view name) {
  return absl::ConsumePrefix(&name, kSessions) && IsResourceId(name);
}

bool IsReceptionName(absl::string_view name) {
  return absl::ConsumePrefix(&name, kReceptions) && IsResourceId(name);
}

bool IsDistributionName(absl::string_view name) {
  return absl::ConsumePrefix(&name, kDistributions) && IsResourceId(name);
}

std::string RandomSessionName(absl::BitGenRef random) {
  return RandomName(kSessions, 's', random);
}

std::string RandomReceptionName(absl::BitGenRef random) {
  return RandomName(kReceptions, 'r', random);
}

std::string RandomDistributionName(absl::BitGenRef random) {
  return RandomName(kDistributions, 'd', random);
}

std::string RandomUid(absl::BitGenRef random) {
  const auto high = absl::Uniform<uint64_t>(random);
  const auto low = absl::Uniform<uint64_t>(random);
  return absl::StrFormat("%08x-%04x-4%03x-%04x-%012x", high >> 32,
                         high >> 16 & 0xffff, high & 0xfff,
                         (low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffff);
}

std::optional<uint64_t> RecipientNumber(absl::string_view name) {
  const size_t at = name.rfind(kRecipients);
  if (at == absl::string_view::npos || !IsSessionName(name.substr(0, at))) {
    return std::nullopt;
  }
  const absl::string_view text = name.substr(at + kRecipients.size());
  uint64_t number = 0;
  // "7", and neither "07" nor "+7".
  if (!absl::SimpleAtoi(text, &number) || absl::StrCat(number) != text) {
    return std::nullopt;
  }
  return number;
}

std::string SessionOf(absl::string_view recipient_name) {
  return std::string(
      recipient_name.substr(0, recipient_name.rfind(kRecipients)));
}

std::optional<DeliveryName> ParseDeliveryName(absl::string_view name) {
  const size_t at = name.rfind(kDeliveries);
  if (at == absl::string_view::npos) return std::nullopt;
  const absl::string_view distribution = name.substr(0, at);
  const absl::string_view node = name.substr(at + kDeliveries.size());
  if (!IsDistributionName(distribution) || !MayBeNode(node)) {
    return std::nullopt;
  }
  return DeliveryName{.distribution = std::string(distribution),
                      .node = std::string(node)};
}

std::optional<std::string> ParseFleetNodeName(absl::string_view name) {
  if (!absl::ConsumePrefix(&name, kNodes) || !MayBeNode(name)) {
    return std::nullopt;
  }
  return std::string(name);
}

}  // namespace tcptool::server
