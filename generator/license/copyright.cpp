#include "license/copyright.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <sstream>

#include "license/names.hpp"
#include "support/digest.hpp"
#include "support/text.hpp"

namespace vmimage::license {

using support::lower;

namespace {

constexpr std::size_t kLongestName = 200;     // of what a License field says; longer ones are no names
constexpr const char* kBehindPackage = "--";  // in a reference; no package has it in its name
constexpr const char* kDocuments = "/usr/share/doc/";

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

/// Letters, digits, "." and "-" are what a reference may have (SPDX 2.3, 10.1). Where others became those, a
/// digest keeps two names apart.
std::string reference(const std::string& package, const std::string& name) {
  const std::string exact = package + kBehindPackage + name;
  std::string id = exact;
  for (char& c : id)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '-')
      c = c == '+' ? 'p' : '-';
  return "LicenseRef-" + id + (id == exact ? "" : "-" + support::sha256(exact).substr(0, 8));
}

/// One name, perhaps with an exception.
std::string single(const std::string& package, const std::string& text) {
  const auto with = lower(text).find(" with ");
  if (with == std::string::npos)
    return spdx_of(text).value_or(reference(package, text));
  const auto license = spdx_of(trimmed(text.substr(0, with)));
  const auto exception =
      license ? spdx_exception(*license, trimmed(text.substr(with + 6))) : std::optional<std::string>();
  return exception ? *license + " WITH " + *exception : reference(package, text);
}

/// Cuts at a word that stands alone.
std::vector<std::string> split(const std::string& text, const std::string& word) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream words(text);
  for (std::string next; words >> next;) {
    if (lower(next) == word) {
      parts.push_back(part);
      part.clear();
    } else {
      part += (part.empty() ? "" : " ") + next;
    }
  }
  parts.push_back(part);
  return parts;
}

std::string join(const std::vector<std::string>& parts, const std::string& word) {
  std::string text;
  for (const auto& part : parts)
    text += (text.empty() ? "" : " " + word + " ") + part;
  return text;
}

/// Whether there is an OR outside of parentheses.
bool is_choice(const std::string& expression) {
  int depth = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    depth += expression[i] == '(' ? 1 : expression[i] == ')' ? -1 : 0;
    if (depth == 0 && expression.compare(i, 4, " OR ") == 0)
      return true;
  }
  return false;
}

/// "a AND (b OR c)" → a, (b OR c); a choice stays whole.
std::vector<std::string> operands(const std::string& expression) {
  if (is_choice(expression))
    return {"(" + expression + ")"};
  std::vector<std::string> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    depth += expression[i] == '(' ? 1 : expression[i] == ')' ? -1 : 0;
    if (depth == 0 && expression.compare(i, 5, " AND ") == 0) {
      parts.push_back(expression.substr(start, i - start));
      start = i + 5;
    }
  }
  parts.push_back(expression.substr(start));
  return parts;
}

/// Joined by AND: each once, alternatives in parentheses.
std::string all_of(const std::vector<std::string>& expressions) {
  if (expressions.size() == 1)
    return expressions[0];
  std::vector<std::string> parts;
  for (const auto& expression : expressions)
    for (const auto& part : operands(expression))
      if (std::find(parts.begin(), parts.end(), part) == parts.end())
        parts.push_back(part);
  return join(parts, "AND");
}

/// "a or b and c": "and" binds closer; a comma sets that aside, and is handled before.
std::string alternatives(const std::string& package, const std::string& text) {
  std::vector<std::string> choices;
  for (const auto& choice : split(text, "or")) {
    std::vector<std::string> parts;
    for (const auto& part : split(choice, "and"))
      if (!part.empty())
        parts.push_back(single(package, part));
    if (!parts.empty())
      choices.push_back(all_of(parts));
  }
  return choices.size() == 1 ? choices[0] : join(choices, "OR");
}

/// The first lines of the License fields of DEP-5's paragraphs.
std::vector<std::string> license_fields(const std::string& copyright) {
  std::vector<std::string> names;
  std::istringstream lines(copyright);
  bool wanted = false;  // a stand-alone licence paragraph says what a name means, not what is under it
  std::string name;
  const auto finish = [&] {
    if (wanted && !name.empty() && name.size() <= kLongestName)
      names.push_back(name);
    wanted = false;
    name.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    const std::string key = lower(line.substr(0, line.find(':')));
    if (trimmed(line).empty())
      finish();
    else if (key == "files" || key == "format")
      wanted = true;
    else if (key == "license" && line.size() > 8)
      name = trimmed(line.substr(8));
  }
  finish();
  return names;
}

bool is_machine_readable(const std::string& copyright) {
  const std::string head = lower(copyright.substr(0, 2000));
  const auto format = head.find("format");
  return format != std::string::npos && (format == 0 || head[format - 1] == '\n') &&
         head.find("copyright-format", format) != std::string::npos;
}

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t found = 0;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size()))
    ++found;
  return found;
}

/// The text with blanks and line breaks, comments' stars too, as single blanks.
std::string flowing(const std::string& text) {
  std::string flow;
  for (const char c : text)
    if (!std::isspace(static_cast<unsigned char>(c)) && c != '*')
      flow += c;
    else if (!flow.empty() && flow.back() != ' ')
      flow += ' ';
  return lower(flow);
}

/// Terms that no file in /usr/share/common-licenses stands for.
bool has_other_terms(const std::string& flow) {
  for (const char* words :
       {"permission is hereby granted", "permission to use, copy", "redistribution and use in source",
        "public domain", "without restriction", "permission is granted"})
    if (flow.find(words) != std::string::npos)
      return true;
  return false;
}

std::string from_references(const std::string& copyright) {
  static const std::string kFolder = "/usr/share/common-licenses/";
  std::set<std::string> names;
  for (auto at = copyright.find(kFolder); at != std::string::npos; at = copyright.find(kFolder, at + 1)) {
    const auto start = at + kFolder.size();
    auto end = copyright.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-",
                                           start);
    std::string name = copyright.substr(start, end == std::string::npos ? end : end - start);
    while (name.ends_with('.'))
      name.pop_back();
    names.insert(name);
  }
  const std::string flow = flowing(copyright);
  if (names.empty() || has_other_terms(flow))
    return kUnknown;
  const std::size_t later = count(flow, "any later version") + count(flow, "or later");
  if (later != 0 && names.size() > 1)
    return kUnknown;  // which of them?
  std::vector<std::string> parts;
  for (const auto& name : names) {
    const auto spdx = spdx_of(name + (later != 0 ? "+" : ""));
    const auto plain = spdx_of(name);
    if (!plain)  // GPL, without a version, is whichever is the newest
      return kUnknown;
    parts.push_back(spdx.value_or(*plain));
  }
  return all_of(parts);
}

}  // namespace

std::string parse_names(const std::string& package, const std::string& names) {
  std::vector<std::string> parts;
  std::istringstream stream(names);
  for (std::string part; std::getline(stream, part, ',');) {
    part = trimmed(part);
    const std::string word = lower(part.substr(0, part.find(' ')));
    if (word == "or" && !parts.empty())  // "a, or b": the comma only sets it apart
      parts.back() += " OR " + alternatives(package, part.substr(2));
    else if (const std::string expression = alternatives(package, word == "and" ? part.substr(3) : part);
             !expression.empty())
      parts.push_back(expression);
  }
  return parts.empty() ? kUnknown : all_of(parts);
}

std::string expression_of(const std::string& package, const std::string& copyright) {
  if (!is_machine_readable(copyright))
    return from_references(copyright);
  std::vector<std::string> parts;
  for (const auto& names : license_fields(copyright))
    if (const std::string expression = parse_names(package, names); expression != kUnknown)
      for (const auto& part : operands(expression))
        parts.push_back(part);
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  if (parts.empty())
    return kUnknown;
  const bool only_choice = parts.size() == 1 && parts[0].front() == '(' && is_choice(parts[0].substr(1));
  return only_choice ? parts[0].substr(1, parts[0].size() - 2) : join(parts, "AND");
}

bool is_document(const std::string& path) {
  if (!path.starts_with(kDocuments))
    return false;
  const auto slash = path.find('/', std::string(kDocuments).size());
  return slash == std::string::npos || path.substr(slash) == "/copyright";
}

std::string Documents::copyright(const std::string& package) const {
  std::string path = kDocuments + package;
  for (int hops = 0; hops < 8; ++hops) {
    const auto folder = links.find(path.ends_with("/copyright") ? path.substr(0, path.rfind('/')) : path);
    const std::string file = path.ends_with("/copyright") ? path : path + "/copyright";
    const auto follow = [](const std::string& link, const std::string& target) {
      return (std::filesystem::path(link).parent_path() / target).lexically_normal().string();
    };
    if (folder != links.end())
      path = follow(folder->first, folder->second) + "/copyright";
    else if (const auto link = links.find(file); link != links.end())
      path = follow(link->first, link->second);
    else if (const auto text = texts.find(file); text != texts.end())
      return text->second;
    else
      return {};
  }
  return {};
}

void find_licenses(std::vector<recipe::Package>& packages, const Documents& documents) {
  for (auto& package : packages)
    if (const std::string text = documents.copyright(package.name); !text.empty())
      package.license = expression_of(package.name, text);
}

std::string to_lines(const std::vector<recipe::Package>& packages) {
  std::string lines;
  for (const auto& package : packages)
    lines += package.name + " " + package.license + "\n";
  return lines;
}

void take_lines(std::vector<recipe::Package>& packages, const std::string& lines) {
  std::map<std::string, std::string> known;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);)
    if (const auto blank = line.find(' '); blank != std::string::npos)
      known[line.substr(0, blank)] = line.substr(blank + 1);
  for (auto& package : packages)
    if (const auto found = known.find(package.name); found != known.end())
      package.license = found->second;
}

}  // namespace vmimage::license
