#include "recipe/settings.hpp"

#include <fmt/format.h>

#include <regex>

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
