#include "recipe/lock.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::recipe {

using support::Fields;
using support::json;

namespace {

constexpr const char* kMakeAgain = "make it again: vmimage base lock";
constexpr std::size_t kLongestField = 512;

bool is_plain(const std::string& text, const std::string& more) {
  return !text.empty() && text.size() <= kLongestField &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                  more.find(static_cast<char>(c)) != std::string::npos;
         });
}

/// Names and versions end up in command lines and file names, so their letters are checked (Debian Policy
/// 5.6.1, 5.6.12).
std::string plain(Fields& fields, const std::string& key, const std::string& more) {
  std::string text = fields.string(key);
  if (!is_plain(text, more) || text[0] == '-' || text[0] == '.')
    fields.fail(key, fmt::format("'{}' is not what a package archive has there", text.substr(0, 64)),
                kMakeAgain);
  return text;
}

std::string digest_of(Fields& fields, const std::string& key) {
  std::string text = fields.string(key);
  if (text.size() != 64 || text.find_first_not_of("0123456789abcdef") != std::string::npos)
    fields.fail(key, fmt::format("'{}' is no SHA-256", text.substr(0, 70)),
                "give 64 lower-case hexadecimal digits");
  return text;
}

Pin read_pin(Fields& fields) {
  Pin pin;
  pin.name = plain(fields, "name", "+-.");
  pin.version = plain(fields, "version", "+-.:~");
  pin.architecture = plain(fields, "architecture", "-");
  pin.sha256 = digest_of(fields, "sha256");
  pin.size = static_cast<std::uint64_t>(fields.integer("size", 1, 1ll << 40));
  pin.file = plain(fields, "file", "+-.:~_/%");
  if (pin.file[0] == '/' || ("/" + pin.file + "/").find("/../") != std::string::npos)
    fields.fail("file", fmt::format("'{}' leads out of the archive", pin.file), kMakeAgain);
  pin.archive = plain(fields, "archive", "-./");
  pin.security = fields.boolean("security", false);
  fields.finish();
  return pin;
}

std::vector<Pin> read_pins(Fields& packages, const std::string& key) {
  std::vector<Pin> pins;
  for (Fields& fields : packages.objects(key)) {
    Pin pin = read_pin(fields);
    if (!pins.empty() && pins.back().name >= pin.name)
      fields.fail("name", fmt::format("'{}' is not behind '{}'", pin.name, pins.back().name),
                  "packages are sorted by name, each once");
    pins.push_back(std::move(pin));
  }
  return pins;
}

json pins_json(const std::vector<Pin>& pins) {
  json list = json::array();
  for (const auto& pin : pins) {
    json entry{{"name", pin.name},      {"version", pin.version}, {"architecture", pin.architecture},
               {"sha256", pin.sha256},  {"size", pin.size},       {"file", pin.file},
               {"archive", pin.archive}};
    if (pin.security)
      entry["security"] = true;
    list.push_back(std::move(entry));
  }
  return list;
}

void check_twice(Fields& packages, const Lock& lock) {
  for (const auto& pin : lock.added_packages)
    if (std::any_of(lock.base_packages.begin(), lock.base_packages.end(),
                    [&](const Pin& other) { return other.name == pin.name; }))
      packages.fail("added", fmt::format("'{}' is in \"base\" as well", pin.name), kMakeAgain);
}

}  // namespace

Lock parse_lock(const std::string& text, const std::string& where) {
  const json document = support::parse_json(text, where);
  Fields fields(document, where);
  fields.require_version(kLockVersion, "lock");
  if (fields.has("$schema"))
    fields.string("$schema");
  Lock lock;
  lock.base = plain(fields, "base", ":-");
  lock.requested = fields.strings("requested");
  for (const auto& name : lock.requested)
    if (!is_plain(name, "+-.") || name[0] == '-')
      fields.fail("requested", fmt::format("'{}' is no package name", name.substr(0, 64)),
                  "see Debian Policy 5.6.1");
  std::sort(lock.requested.begin(), lock.requested.end());
  for (Fields& archive : fields.objects("archives")) {
    lock.archives.push_back(
        {plain(archive, "release", "-./"), archive.string("date"), digest_of(archive, "sha256")});
    archive.finish();
  }
  Fields packages = fields.object("packages");
  lock.base_packages = read_pins(packages, "base");
  lock.added_packages = read_pins(packages, "added");
  lock.boot_packages = read_pins(packages, "boot");
  check_twice(packages, lock);
  packages.finish();
  fields.finish();
  return lock;
}

std::string to_json(const Lock& lock) {
  json archives = json::array();
  for (const auto& archive : lock.archives)
    archives.push_back({{"release", archive.release}, {"date", archive.date}, {"sha256", archive.sha256}});
  const json document{{"version", kLockVersion},
                      {"base", lock.base},
                      {"requested", lock.requested},
                      {"archives", archives},
                      {"packages",
                       {{"base", pins_json(lock.base_packages)},
                        {"added", pins_json(lock.added_packages)},
                        {"boot", pins_json(lock.boot_packages)}}}};
  return document.dump(2) + "\n";
}

std::string lock_digest(const Lock& lock) {
  support::Digest digest;
  digest.add(lock.base);
  for (const auto* pins : {&lock.base_packages, &lock.added_packages, &lock.boot_packages}) {
    digest.add(std::to_string(pins->size()));
    for (const auto& pin : *pins)
      digest.add(pin.name).add(pin.version).add(pin.architecture).add(pin.sha256);
  }
  return "sha256:" + digest.hex();
}

std::vector<Move> moves(const std::vector<Pin>& before, const std::vector<Pin>& after) {
  std::map<std::string, Move> by_name;
  for (const auto& pin : before)
    by_name[pin.name] = {pin.name, pin.version, "", false};
  for (const auto& pin : after) {
    Move& move = by_name[pin.name];
    move.name = pin.name;
    move.to = pin.version;
    move.security = pin.security;
  }
  std::vector<Move> list;
  for (const auto& [name, move] : by_name)
    if (move.from != move.to)
      list.push_back(move);
  std::stable_sort(list.begin(), list.end(),
                   [](const Move& a, const Move& b) { return a.security && !b.security; });
  return list;
}

std::vector<Pin> all_pins(const Lock& lock) {
  std::vector<Pin> pins = lock.base_packages;
  pins.insert(pins.end(), lock.added_packages.begin(), lock.added_packages.end());
  pins.insert(pins.end(), lock.boot_packages.begin(), lock.boot_packages.end());
  return pins;
}

}  // namespace vmimage::recipe
