#include "support/json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "support/error.hpp"

namespace vmimage::support {

namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

json parse_json(const std::string& text, const std::string& where) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const std::string_view before(text.data(), std::min<std::size_t>(error.byte, text.size()));
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const auto column =
        before.size() - (before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
    const bool cut = error.byte > text.size();
    throw invalid(fmt::format("{}: line {}, column {}: not valid JSON ({})", where, line, column,
                              cut ? "the file ends in the middle" : "unexpected character"),
                  cut ? "the file may have been cut: make it again" : "");
  } catch (const json::exception&) {
    throw invalid(where + ": not valid JSON (a number is too large)");
  }
}

Fields::Fields(const json& object, std::string where, std::string pointer)
    : object_(&object), where_(std::move(where)), pointer_(std::move(pointer)) {
  if (!object.is_object())
    throw invalid(fmt::format("{}: {}: must be an object, is {}", where_, pointer_.empty() ? "/" : pointer_,
                              object.type_name()));
}

void Fields::fail(const std::string& key, const std::string& problem, std::string hint) const {
  throw invalid(fmt::format("{}: {}/{}: {}", where_, pointer_, key, problem), std::move(hint));
}

bool Fields::has(const std::string& key) {
  known_.insert(key);
  return object_->contains(key);
}

const json& Fields::at(const std::string& key) {
  if (!has(key))
    fail(key, "is missing");
  return (*object_)[key];
}

const json& Fields::value(const std::string& key) {
  return at(key);
}

std::string Fields::string(const std::string& key) {
  const json& value = at(key);
  if (!value.is_string())
    fail(key, fmt::format("must be a string, is {}", value.type_name()));
  return value.get<std::string>();
}

std::string Fields::string(const std::string& key, const std::string& fallback) {
  return has(key) ? string(key) : fallback;
}

std::int64_t Fields::integer(const std::string& key, std::int64_t minimum, std::int64_t maximum) {
  const json& value = at(key);
  if (!value.is_number_integer())
    fail(key, fmt::format("must be a whole number, is {}", value.type_name()));
  if (value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(maximum))
    fail(key, fmt::format("is {}, must be at most {}", value.dump(), maximum));
  const auto number = value.get<std::int64_t>();
  if (number < minimum || number > maximum)
    fail(key, fmt::format("is {}, must be from {} to {}", number, minimum, maximum));
  return number;
}

std::int64_t Fields::integer(const std::string& key, std::int64_t minimum, std::int64_t maximum,
                             std::int64_t fallback) {
  return has(key) ? integer(key, minimum, maximum) : fallback;
}

bool Fields::boolean(const std::string& key, bool fallback) {
  if (!has(key))
    return fallback;
  const json& value = at(key);
  if (!value.is_boolean())
    fail(key, fmt::format("must be true or false, is {}", value.type_name()));
  return value.get<bool>();
}

std::vector<std::string> Fields::strings(const std::string& key) {
  if (!has(key))
    return {};
  const json& value = at(key);
  if (!value.is_array())
    fail(key, fmt::format("must be a list of strings, is {}", value.type_name()));
  std::vector<std::string> list;
  for (const json& element : value) {
    if (!element.is_string())
      fail(fmt::format("{}/{}", key, list.size()),
           fmt::format("must be a string, is {}", element.type_name()));
    list.push_back(element.get<std::string>());
  }
  return list;
}

Fields Fields::object(const std::string& key) {
  return {at(key), where_, pointer_ + "/" + key};
}

std::vector<Fields> Fields::objects(const std::string& key) {
  if (!has(key))
    return {};
  const json& value = at(key);
  if (!value.is_array())
    fail(key, fmt::format("must be a list of objects, is {}", value.type_name()));
  std::vector<Fields> list;
  for (const json& element : value)
    list.emplace_back(element, where_, fmt::format("{}/{}/{}", pointer_, key, list.size()));
  return list;
}

void Fields::finish() {
  for (const auto& item : object_->items()) {
    if (known_.contains(item.key()))
      continue;
    fail(item.key(), "unknown key", did_you_mean(item.key(), {known_.begin(), known_.end()}, ""));
  }
}

void Fields::require_version(int major, const std::string& document) {
  const auto version = integer("version", 1, 1'000'000);
  if (version != major)
    fail("version",
         fmt::format("this {} has version {}, this program reads version {}", document, version, major),
         version > major ? "use a newer VMImage" : "make it again with this VMImage");
}

std::string nearest(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& otherwise) {
  const std::string guess = nearest(word, known);
  return guess.empty() ? otherwise : fmt::format("did you mean '{}'?", guess);
}

}  // namespace vmimage::support
