#include "recipe/settings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "support/error.hpp"

namespace vmimage::recipe {

using support::Fields;
using support::invalid;

namespace {

const std::regex kVariable("[A-Za-z_][A-Za-z0-9_]*");
constexpr std::size_t kLongestName = 256;  // std::regex recurses for each character
constexpr const char* kNameHint = "use letters, digits and underscores";

bool is_variable(const std::string& name) {
  return name.size() <= kLongestName && std::regex_match(name, kVariable);
}

/// A name as a message can show it.
std::string shown(const std::string& name) {
  return name.size() <= kLongestName ? name : name.substr(0, 32) + "…";
}

}  // namespace

void check_setting(const std::string& key, const std::string& value) {
  if (!is_variable(key))
    throw invalid(fmt::format("'{}' is no name of an environment variable", shown(key)), kNameHint);
  if (value.find_first_of(std::string("\n\0", 2)) != std::string::npos)
    throw invalid(fmt::format("the value of '{}' holds a line break or a NUL", key),
                  "give it in one line, encoded if need be");
}

std::pair<std::string, std::string> parse_setting(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos)
    throw invalid(fmt::format("'{}' is no setting", text), "write KEY=VALUE");
  const std::string key = text.substr(0, equals);
  const std::string value = text.substr(equals + 1);
  if (!is_variable(key))
    throw invalid(fmt::format("'{}' is no setting: '{}' is no name of an environment variable", shown(text),
                              shown(key)),
                  kNameHint);
  check_setting(key, value);
  return {key, value};
}

std::map<std::string, std::string> parse_settings(const std::string& text, const std::string& where) {
  std::map<std::string, std::string> environment;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.ends_with('\r'))
      line.pop_back();
    const auto start = line.find_first_not_of(" \t");
    if (start == std::string::npos || line[start] == '#')
      continue;
    try {
      const auto [key, value] = parse_setting(line.substr(start));
      environment[key] = value;
    } catch (const support::Error& error) {
      throw invalid(fmt::format("{}: line {}: {}", where, number, error.what()), error.hint());
    }
  }
  return environment;
}

void check_secret_name(const std::string& name) {
  constexpr std::size_t kLongest =
      36;  // with "opt/vmimage/secret/", the 55 characters that fw_cfg has for a name
  const auto plain = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  const bool good = !name.empty() && name.size() <= kLongest &&
                    std::isalnum(static_cast<unsigned char>(name[0])) &&
                    std::all_of(name.begin(), name.end(), plain);
  if (!good)
    throw invalid(fmt::format("'{}' is no name of a secret", shown(name)),
                  fmt::format("use at most {} letters, digits and . _ -, first a letter or digit", kLongest));
}

std::pair<std::string, std::string> parse_secret(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size())
    throw invalid(fmt::format("'{}' names no file with a secret", shown(text)), "write NAME=FILE");
  check_secret_name(text.substr(0, equals));
  return {text.substr(0, equals), text.substr(equals + 1)};
}

std::map<std::string, std::string> read_environment(Fields& fields) {
  std::map<std::string, std::string> environment;
  if (!fields.has("environment"))
    return environment;
  Fields variables = fields.object("environment");
  for (const auto& item : fields.value("environment").items()) {
    const std::string value = variables.string(item.key());
    try {
      check_setting(item.key(), value);
    } catch (const support::Error& error) {
      variables.fail(item.key(), error.what(), error.hint());
    }
    environment[item.key()] = value;
  }
  return environment;
}

std::string settings_text(const std::map<std::string, std::string>& environment) {
  std::string text;
  for (const auto& [key, value] : environment)
    text += fmt::format("{}={}\n", key, value);
  return text;
}

}  // namespace vmimage::recipe
