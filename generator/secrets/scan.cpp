#include "secrets/scan.hpp"

#include <algorithm>
#include <array>
#include <bitset>
#include <cctype>
#include <cmath>
#include <functional>
#include <vector>

#include "secrets/rules.hpp"
#include "support/text.hpp"

namespace vmimage::secrets {

namespace {

using Text = std::string_view;

constexpr std::size_t kLongestHead = 512;         // of a key: "Proc-Type: 4,ENCRYPTED" and the like
constexpr std::size_t kShortestBody = 60;         // base64 of an Ed25519 key has 64
constexpr std::size_t kLargestProgram = 1 << 20;  // a build waits for it, 2 to 4 ms for each MB
constexpr Text kBegin = "-----BEGIN ";

bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool is_base64(char c) {
  return is_alnum(c) || c == '+' || c == '/' || c == '=';
}

std::size_t line_of(Text content, std::size_t at) {
  return 1 +
         static_cast<std::size_t>(std::count(content.begin(), content.begin() + static_cast<long>(at), '\n'));
}

/// Shannon entropy of the characters, in bits each: placeholders ("xxxxxxxx", "00000") have little.
double entropy(Text text) {
  std::array<int, 256> counts{};
  for (const char c : text)
    ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const int count : counts)
    if (count > 0) {
      const double share = static_cast<double>(count) / static_cast<double>(text.size());
      bits -= share * std::log2(share);
    }
  return bits;
}

/// Documentation writes "EXAMPLE" into the keys that it shows, templates "${TOKEN}" and "<token>".
bool is_placeholder(Text text) {
  const std::string upper = support::upper(std::string(text));
  for (const char* word :
       {"EXAMPLE", "XXXXXX", "CHANGEME", "CHANGE_ME", "PLACEHOLDER", "REDACTED", "${", "YOUR_", "YOUR-"})
    if (upper.find(word) != std::string::npos)
      return true;
  const auto first = text.find_first_not_of(" \t\r\"'");
  return first != Text::npos && text[first] == '<' && text.find('>', first) != Text::npos;
}

bool is_random(Text text, double bits) {
  return entropy(text) >= bits && !is_placeholder(text);
}

// Keys

/// How many characters of base64 follow, over line breaks in any spelling ("\\n" in JSON, quotes in source).
std::size_t base64_length(Text text) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size() && length < 4 * kShortestBody; ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r'))
      ++i;
    else if (is_base64(text[i]))
      ++length;
    else if (text[i] != '\n' && text[i] != '\r' && text[i] != ' ' && text[i] != '\t' && text[i] != '"')
      break;
  }
  return length;
}

/// "-----BEGIN RSA PRIVATE KEY-----" with a body: what a program only has as a word, has none.
bool is_private_key(Text text) {
  const Text line = text.substr(0, 80);
  const auto end = line.find("-----", kBegin.size());
  if (end == Text::npos)
    return false;
  const Text label = line.substr(kBegin.size(), end - kBegin.size());
  if (!label.ends_with("PRIVATE KEY") && label != "PGP PRIVATE KEY BLOCK")
    return false;
  Text body = text.substr(end + 5);
  // Header lines end with an empty one (RFC 1421, RFC 4880).
  const Text head = body.substr(0, kLongestHead);
  if (const auto colon = head.find(": "); colon != Text::npos && base64_length(head.substr(0, colon)) < 32)
    for (const Text gap : {Text("\n\n"), Text("\r\n\r\n"), Text("\\n\\n")})
      if (const auto at = head.find(gap, colon); at != Text::npos) {
        body = body.substr(at + gap.size());
        break;
      }
  return base64_length(body) >= kShortestBody;
}

// Tokens

bool is_token(const TokenRule& rule, Text before, Text text) {
  const Text prefix = rule.prefix, extra = rule.extra;
  if (!text.starts_with(prefix) || (!before.empty() && (is_alnum(before.back()) || before.back() == '_')))
    return false;
  std::size_t length = 0;
  const Text body = text.substr(prefix.size(), 1024);
  while (length < body.size() && (is_alnum(body[length]) || extra.find(body[length]) != Text::npos))
    ++length;
  if (length < rule.least || (rule.most != 0 && length > rule.most))
    return false;
  return is_random(body.substr(0, length), 3.0);
}

/// AKIA… or ASIA…, which is a name and no secret by itself.
bool is_aws_id(Text before, Text text) {
  if ((!text.starts_with("AKIA") && !text.starts_with("ASIA")) || text.size() < 20 ||
      (!before.empty() && is_alnum(before.back())) || (text.size() > 20 && is_alnum(text[20])))
    return false;
  const Text id = text.substr(0, 20);
  return std::all_of(id.begin(), id.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7'); }) &&
         is_random(id, 2.5);
}

/// Where forty random characters stand alone, as an AWS secret key does; npos: nowhere.
std::size_t find_aws_secret(Text text) {
  const auto in_key = [](char c) { return is_alnum(c) || c == '+' || c == '/'; };
  for (std::size_t i = 0; i < text.size();) {
    if (!in_key(text[i])) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && in_key(text[end]))
      ++end;
    const Text word = text.substr(i, end - i);
    const auto has = [&](int (*kind)(int)) {
      return std::any_of(word.begin(), word.end(), [&](unsigned char c) { return kind(c) != 0; });
    };
    if (word.size() == 40 && has(std::isupper) && has(std::islower) && has(std::isdigit) &&
        is_random(word, 4.0))
      return i;
    i = end;
  }
  return Text::npos;
}

// Files and assignments

Text name_of(Text path) {
  return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

bool is_file(Text path, Text name) {
  return name.empty() || name_of(path) == name || path.ends_with("/" + std::string(name));
}

Text line_at(Text content, std::size_t at) {
  return content.substr(at, content.find('\n', at) == Text::npos ? Text::npos : content.find('\n', at) - at);
}

/// "word = value", "word: "value"", "word value".
bool is_assignment(const AssignmentRule& rule, Text text) {
  Text line = line_at(text, 0).substr(Text(rule.word).size());
  while (!line.empty() && (line[0] == ' ' || line[0] == '\t' || line[0] == '=' || line[0] == ':' ||
                           line[0] == '"' || line[0] == '\''))
    line.remove_prefix(1);
  std::size_t length = 0;
  while (length < line.size() && !std::isspace(static_cast<unsigned char>(line[length])) &&
         line[length] != '"' && line[length] != '\'')
    ++length;
  const Text value = line.substr(0, length);
  return length >= rule.least && !is_placeholder(value) && !value.starts_with('$') &&
         (rule.least < 40 || (base64_length(value) >= rule.least && entropy(value) >= 3.0));
}

/// ".env", ".env.production", but not what shows how one is to be written.
bool is_environment_file(Text path) {
  const Text name = name_of(path);
  if (name != ".env" && !name.starts_with(".env."))
    return false;
  for (const Text ending : {Text(".example"), Text(".sample"), Text(".template"), Text(".dist")})
    if (name.ends_with(ending))
      return false;
  return true;
}

/// Calls `each(line, offset)` until it says yes; gives the offset then.
std::optional<std::size_t> find_line(Text content, const std::function<bool(Text)>& each) {
  for (std::size_t at = 0; at < content.size();) {
    const Text line = line_at(content, at);
    if (each(line))
      return at;
    at += line.size() + 1;
  }
  return std::nullopt;
}

/// "NAME=value" with a value.
bool sets_a_value(Text line) {
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line[0])))
    line.remove_prefix(1);
  const auto equals = line.find('=');
  if (line.empty() || line[0] == '#' || equals == Text::npos || equals == 0)
    return false;
  return line.find_first_not_of(" \t\r\"'", equals + 1) != Text::npos &&
         !is_placeholder(line.substr(equals + 1));
}

/// "scheme://user:password@host".
bool has_password(Text text) {
  const auto scheme = text.find("://");
  if (scheme == Text::npos)
    return false;
  const Text rest = text.substr(scheme + 3, text.find_first_of("/?# \t\r\n\"'", scheme + 3) - scheme - 3);
  const auto at = rest.rfind('@'), colon = rest.find(':');
  if (at == Text::npos || colon == Text::npos || colon + 1 >= at)
    return false;
  const Text password = rest.substr(colon + 1, at - colon - 1);
  return password[0] != '$' && !is_placeholder(password);
}

std::optional<Finding> known_file(const std::string& path, Text content) {
  const auto found = [&](const char* what, const std::function<bool(Text)>& each) -> std::optional<Finding> {
    if (const auto at = find_line(content, each))
      return Finding{what, line_of(content, *at)};
    return std::nullopt;
  };
  const Text name = name_of(path);
  if (is_environment_file(path))
    return found("settings of a .env file", sets_a_value);
  if (name == ".git-credentials")
    return found("a password for Git", has_password);
  if (name == ".pgpass")
    return found("a password for PostgreSQL", [](Text line) {
      return line.find('#') != 0 && std::count(line.begin(), line.end(), ':') >= 4 && !line.ends_with(':');
    });
  return std::nullopt;
}

// One pass

/// The first two characters of all that is looked for, so that one look per byte is enough nearly always.
const std::bitset<65536>& beginnings() {
  static const std::bitset<65536> set = [] {
    std::bitset<65536> bits;
    const auto add = [&](const char* word) {
      bits.set(static_cast<unsigned char>(word[0]) |
               static_cast<unsigned>(static_cast<unsigned char>(word[1])) << 8);
    };
    for (const auto& rule : kTokens)
      add(rule.prefix);
    for (const auto& rule : kAssignments)
      add(rule.word);
    for (const char* word : {"--", "AK", "AS", "Pu"})
      add(word);
    return bits;
  }();
  return set;
}

const char* secret_at(const std::string& path, Text content, std::size_t at) {
  const Text before = content.substr(0, at), text = content.substr(at);
  if (text.starts_with(kBegin))
    return is_private_key(text) ? "a private key" : nullptr;
  if (text.starts_with("PuTTY-User-Key-File-") && text.find("Private-Lines:") < 8192)
    return "a private key";
  for (const auto& rule : kTokens)
    if (is_token(rule, before, text))
      return rule.what;
  for (const auto& rule : kAssignments)
    if (text.starts_with(rule.word) && is_file(path, rule.file) && is_assignment(rule, text))
      return rule.what;
  return nullptr;
}

bool ends_like_a_secret(const std::string& name) {
  const std::string upper = support::upper(name);
  return std::any_of(std::begin(kSecretNames), std::end(kSecretNames),
                     [&](const char* end) { return upper.ends_with(end); });
}

}  // namespace

std::optional<Finding> scan(const std::string& path, Text content) {
  if (content.starts_with("\177ELF") && content.size() > kLargestProgram)
    return std::nullopt;
  if (auto finding = known_file(path, content))
    return finding;
  const auto& begins = beginnings();
  std::optional<std::size_t> aws_id;
  for (std::size_t i = 0; i + 1 < content.size(); ++i) {
    if (!begins[static_cast<unsigned char>(content[i]) |
                static_cast<unsigned>(static_cast<unsigned char>(content[i + 1])) << 8])
      continue;
    if (const char* what = secret_at(path, content, i))
      return Finding{what, line_of(content, i)};
    if (!aws_id && is_aws_id(content.substr(0, i), content.substr(i)))
      aws_id = i;
  }
  if (aws_id)
    if (const auto secret = find_aws_secret(content); secret != Text::npos)
      return Finding{"AWS credentials", line_of(content, secret)};
  return std::nullopt;
}

std::optional<Finding> scan_variable(const std::string& name, const std::string& value) {
  if (auto finding = scan(name, value))
    return finding;
  if (has_password(value))
    return Finding{"an address with a password in it", 1};
  // A path is where a secret is, not the secret; so are names of settings.
  if (ends_like_a_secret(name) && !value.empty() && value[0] != '/' && value[0] != '$' &&
      !is_placeholder(value))
    return Finding{"a value for a secret's name", 1};
  return std::nullopt;
}

}  // namespace vmimage::secrets
