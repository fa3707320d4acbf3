#include "publish/aws/signature.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>

#include "support/digest.hpp"

namespace vmimage::publish::aws {

namespace {

constexpr const char* kAlgorithm = "AWS4-HMAC-SHA256";

std::string hmac(const std::string& key, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes.data(), &size);
  return {reinterpret_cast<const char*>(bytes.data()), size};
}

/// Without "." and "..", and without empty segments (RFC 3986, 5.2.4, and what AWS makes of it).
std::string without_dots(const std::string& path) {
  std::vector<std::string> segments;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string segment = path.substr(at, end - at);
    at = end + 1;
    if (segment == ".." && !segments.empty())
      segments.pop_back();
    else if (!segment.empty() && segment != "." && segment != "..")
      segments.push_back(segment);
  }
  return fmt::format("/{}{}", fmt::join(segments, "/"), path.ends_with('/') && !segments.empty() ? "/" : "");
}

/// Spaces at both ends go, runs of them are one.
std::string without_spaces(const std::string& value) {
  std::string text;
  for (const char c : value) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space)
      text += c;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  if (text.ends_with(' '))
    text.pop_back();
  return text;
}

std::string names_of(const std::map<std::string, std::string>& headers) {
  std::vector<std::string> names;
  for (const auto& [name, value] : headers)
    names.push_back(name);
  return fmt::format("{}", fmt::join(names, ";"));
}

std::string canonical(const Signable& request, const std::map<std::string, std::string>& headers) {
  std::string lines;
  for (const auto& [name, value] : headers)
    lines += name + ':' + without_spaces(value) + '\n';
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, encode(without_dots(request.path), "/"),
                     encode(request.query), lines, names_of(headers), request.body_sha256);
}

}  // namespace

std::string encode(std::string_view text, std::string_view kept) {
  constexpr std::string_view kUnreserved = "-._~";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       kUnreserved.find(c) != kUnreserved.npos || kept.find(c) != kept.npos;
    if (plain)
      encoded += c;
    else
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

std::string encode(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& [name, value] : query)
    pairs.emplace_back(encode(name), encode(value));
  std::sort(pairs.begin(), pairs.end());
  std::string text;
  for (const auto& [name, value] : pairs)
    text += (text.empty() ? "" : "&") + name + '=' + value;
  return text;
}

std::map<std::string, std::string> sign(const Signable& request, const Key& key, const Scope& scope,
                                        std::time_t time) {
  const std::string moment = fmt::format("{:%Y%m%dT%H%M%SZ}", fmt::gmtime(time));
  const std::string day = moment.substr(0, 8);
  std::map<std::string, std::string> added{{"x-amz-date", moment}};
  if (!key.session_token.empty())
    added["x-amz-security-token"] = key.session_token;
  auto headers = request.headers;
  headers.insert(added.begin(), added.end());

  const std::string place = fmt::format("{}/{}/{}/aws4_request", day, scope.region, scope.service);
  const std::string to_sign =
      fmt::format("{}\n{}\n{}\n{}", kAlgorithm, moment, place, support::sha256(canonical(request, headers)));
  const std::string signing_key =
      hmac(hmac(hmac(hmac("AWS4" + key.secret, day), scope.region), scope.service), "aws4_request");
  added["authorization"] =
      fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm, key.id, place,
                  names_of(headers), support::hex(hmac(signing_key, to_sign)));
  return added;
}

}  // namespace vmimage::publish::aws
