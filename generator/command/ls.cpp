// vmimage ls: the files in an image of any format.

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "command/command.hpp"
#include "command/node_type.hpp"
#include "inspect/opened.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::command {

using filesystem::Entry;
using filesystem::NodeType;

namespace {

struct Options {
  std::string location;
  std::optional<int> partition;
  bool details = false;
  bool recursive = false;
  bool json = false;
};

/// As ls(1) writes it: "drwxr-xr-x".
std::string mode_text(const filesystem::Status& status) {
  static const std::string kTypes = "-dlcbps";  // in the order of NodeType
  std::string text(1, kTypes[static_cast<std::size_t>(status.type)]);
  const std::uint32_t mode = status.attributes.mode;
  for (int shift = 6; shift >= 0; shift -= 3) {
    text += mode >> shift & 4 ? 'r' : '-';
    text += mode >> shift & 2 ? 'w' : '-';
    text += mode >> shift & 1 ? 'x' : '-';
  }
  const auto special = [&](std::uint32_t bit, std::size_t at, char letter) {
    if (mode & bit)
      text[at] = text[at] == 'x' ? letter : static_cast<char>(std::toupper(letter));
  };
  special(04000, 3, 's');
  special(02000, 6, 's');
  special(01000, 9, 't');
  return text;
}

/// Names by number, out of the image's own passwd(5) or group(5).
std::map<std::uint32_t, std::string> names_in(const std::string& text) {
  std::map<std::uint32_t, std::string> names;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string name, password, number;
    if (std::getline(fields, name, ':') && std::getline(fields, password, ':') &&
        std::getline(fields, number, ':') && !number.empty() &&
        number.find_first_not_of("0123456789") == std::string::npos && number.size() < 10)
      names.emplace(static_cast<std::uint32_t>(std::stoul(number)), name);
  }
  return names;
}

std::string name_or_number(const std::map<std::uint32_t, std::string>& names, std::uint32_t number) {
  const auto name = names.find(number);
  return name == names.end() ? std::to_string(number) : name->second;
}

void print_details(const inspect::Reader& files, const std::vector<Entry>& entries) {
  const auto users = names_in(inspect::text_of(files, "/etc/passwd"));
  const auto groups = names_in(inspect::text_of(files, "/etc/group"));
  std::size_t user_width = 0, group_width = 0, size_width = 0;
  for (const auto& entry : entries) {
    user_width = std::max(user_width, name_or_number(users, entry.status.attributes.uid).size());
    group_width = std::max(group_width, name_or_number(groups, entry.status.attributes.gid).size());
    size_width = std::max(size_width, std::to_string(entry.status.size).size());
  }
  for (const auto& entry : entries) {
    const auto& attributes = entry.status.attributes;
    fmt::print("{} {:<{}} {:<{}} {:>{}} {:%Y-%m-%d %H:%M} {}{}\n", mode_text(entry.status),
               name_or_number(users, attributes.uid), user_width, name_or_number(groups, attributes.gid),
               group_width, entry.status.size, size_width,
               fmt::gmtime(static_cast<std::time_t>(attributes.mtime.value_or(0))),
               support::one_line(entry.path),
               entry.status.type == NodeType::Symlink ? " -> " + support::one_line(entry.status.target) : "");
  }
}

support::json json_of(const Entry& entry) {
  const auto& attributes = entry.status.attributes;
  support::json object{{"path", entry.path},
                       {"type", type_name(entry.status.type)},
                       {"mode", fmt::format("{:04o}", attributes.mode)},
                       {"uid", attributes.uid},
                       {"gid", attributes.gid},
                       {"size", entry.status.size},
                       {"mtime", attributes.mtime.value_or(0)}};
  if (entry.status.type == NodeType::Symlink)
    object["target"] = entry.status.target;
  return object;
}

std::vector<Entry> entries_of(const inspect::Reader& files, const std::string& path, bool recursive) {
  const Entry top = inspect::entry_of(files, path);
  if (top.status.type != NodeType::Directory)
    return {top};
  std::vector<Entry> entries;
  if (recursive)
    files.walk(path, [&](const Entry& entry) { entries.push_back(entry); });
  else
    for (const auto& name : files.list(path))
      entries.push_back(inspect::entry_of(files, (path == "/" ? "" : path) + "/" + name));
  return entries;
}

void list(const Options& options) {
  const auto [image, asked] = inspect::parse_location(options.location);
  inspect::Opened opened(image);
  const auto& files = opened.files(options.partition);
  const std::string path = inspect::resolve(files, asked);
  if (path.empty())
    throw support::invalid(fmt::format("failed to list '{}' in '{}': no such file", asked, image.string()));
  std::vector<Entry> entries = entries_of(files, path, options.recursive);
  if (options.json) {
    support::json all = support::json::array();
    for (const auto& entry : entries)
      all.push_back(json_of(entry));
    fmt::print("{}\n", all.dump(2, ' ', false, support::json::error_handler_t::replace));
    return;
  }
  for (auto& entry : entries)  // as they are called below PATH
    if (entry.path != path)
      entry.path = entry.path.substr(path == "/" ? 1 : path.size() + 1);
  if (options.details)
    return print_details(files, entries);
  for (const auto& entry : entries)
    fmt::print("{}\n", support::one_line(entry.path));
}

}  // namespace

void add_ls(CLI::App& app) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("ls", "Lists the files in an image of any format");
  command->add_option("image", options->location, "The image, and a file or folder in it")
      ->required()
      ->type_name("IMAGE[:PATH]");
  command->add_flag("-l", options->details, "With permissions, owners, size and time (UTC)");
  command->add_flag("-R,--recursive", options->recursive, "All that is below, too");
  command->add_option("--partition", options->partition, "Look at this partition instead of the root")
      ->type_name("N");
  command->add_flag("--json", options->json, "As JSON, with all that -l says");
  command->callback([options] { list(*options); });
}

}  // namespace vmimage::command
