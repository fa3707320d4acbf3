#include "rootfs/users.hpp"

#include <fmt/format.h>

#include <set>
#include <sstream>
#include <vector>

#include "support/error.hpp"

namespace vmimage::rootfs {

namespace {

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> fields;
  std::istringstream stream(line);
  for (std::string field; std::getline(stream, field, ':');)
    fields.push_back(field);
  return fields;
}

template <typename Visit>
void each_line(const std::string& text, Visit visit) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    const auto fields = fields_of(line);
    if (fields.size() >= 3)
      visit(fields);
  }
}

std::uint32_t number(const std::string& text) {
  return static_cast<std::uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

std::uint32_t free_number(const UserFiles& files) {
  std::set<std::uint32_t> taken;
  each_line(files.passwd, [&](const auto& fields) { taken.insert(number(fields[2])); });
  each_line(files.group, [&](const auto& fields) { taken.insert(number(fields[2])); });
  for (std::uint32_t candidate = 998; candidate >= 100; --candidate)
    if (!taken.contains(candidate))
      return candidate;
  throw support::failure("failed to add a user to the image: all system user numbers are taken");
}

std::string with_line(std::string text, const std::string& line) {
  if (!text.empty() && text.back() != '\n')
    text += '\n';
  return text + line + "\n";
}

}  // namespace

User find_user(const std::string& passwd, const std::string& name) {
  User user;
  bool found = false;
  each_line(passwd, [&](const auto& fields) {
    if (fields[0] != name || fields.size() < 4)
      return;
    user = {number(fields[2]), number(fields[3])};
    found = true;
  });
  if (!found)
    throw support::failure(fmt::format("failed to find the user '{}' in the image", name));
  return user;
}

bool has_user(const std::string& passwd, const std::string& name) {
  bool found = false;
  each_line(passwd, [&](const auto& fields) { found = found || fields[0] == name; });
  return found;
}

UserFiles add_system_user(UserFiles files, const std::string& name, const std::string& home) {
  const std::uint32_t id = free_number(files);
  std::uint32_t group = id;
  bool has_group = false;  // a base may have one without a user of that name, such as "video"
  each_line(files.group, [&](const auto& fields) {
    if (fields[0] != name)
      return;
    has_group = true;
    group = number(fields[2]);
  });
  files.passwd =
      with_line(files.passwd, fmt::format("{}:x:{}:{}::{}:/usr/sbin/nologin", name, id, group, home));
  if (!has_group)
    files.group = with_line(files.group, fmt::format("{}:x:{}:", name, group));
  if (!files.shadow.empty())
    files.shadow = with_line(files.shadow, fmt::format("{}:!*:0::::::", name));
  return files;
}

}  // namespace vmimage::rootfs
