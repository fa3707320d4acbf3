#pragma once
// Reading versioned JSON documents strictly: typed access that knows where it is, unknown keys refused.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace vmimage::support {

using json = nlohmann::json;

/// Parses text; throws invalid("<where>: line L, column C: <cause>").
json parse_json(const std::string& text, const std::string& where);

/// One JSON object being read. Every getter throws invalid("<where>: <pointer>: …") on a wrong type; finish()
/// refuses keys that no getter asked for, with the nearest known name as suggestion.
class Fields {
 public:
  Fields(const json& object, std::string where, std::string pointer = "");

  bool has(const std::string& key);
  std::string string(const std::string& key);
  std::string string(const std::string& key, const std::string& fallback);
  std::int64_t integer(const std::string& key, std::int64_t minimum, std::int64_t maximum);
  std::int64_t integer(const std::string& key, std::int64_t minimum, std::int64_t maximum,
                       std::int64_t fallback);
  bool boolean(const std::string& key, bool fallback);
  std::vector<std::string> strings(const std::string& key);  ///< absent: empty
  Fields object(const std::string& key);                     ///< throws when absent
  std::vector<Fields> objects(const std::string& key);       ///< absent: empty
  const json& value(const std::string& key);                 ///< throws when absent
  void finish();

  [[noreturn]] void fail(const std::string& key, const std::string& problem, std::string hint = {}) const;
  /// The document's "version" must be `major`; throws with what to do otherwise.
  void require_version(int major, const std::string& document);

 private:
  const json& at(const std::string& key);
  const json* object_;
  std::string where_;
  std::string pointer_;
  std::set<std::string> known_;
};

/// The nearest of `known` to `word` (edit distance at most 2 or a third of its length), or empty.
std::string nearest(const std::string& word, const std::vector<std::string>& known);
/// The hint about a word that is not known: the nearest one, or `otherwise`.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known,
                         const std::string& otherwise);

}  // namespace vmimage::support
