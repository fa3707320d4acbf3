#include "cache/entry.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <map>
#include <sstream>
#include <system_error>

#include "support/checksum.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::cache {

namespace fs = std::filesystem;
using support::Descriptor;

namespace {

// One line for each file, "<checksum>  <path>", as xxh128sum(1) prints and checks it.
constexpr const char* kList = ".checksums";

/// Of a symbolic link, its target.
std::string checksum_of_node(const fs::path& path) {
  if (!fs::is_symlink(path))
    return support::checksum_of(path);
  support::Checksum checksum;
  const std::string target = fs::read_symlink(path).string();
  checksum.add(target.data(), target.size());
  return checksum.hex();
}

/// By path in the folder; without the list itself.
std::map<std::string, std::string> checksums_of(const fs::path& folder) {
  std::map<std::string, std::string> list;
  for (const auto& node : fs::recursive_directory_iterator(folder)) {
    const std::string name = node.path().lexically_relative(folder).string();
    if (name != kList && (node.is_symlink() || !node.is_directory()))
      list[name] = checksum_of_node(node.path());
  }
  return list;
}

std::map<std::string, std::string> read_list(const fs::path& folder) {
  std::map<std::string, std::string> list;
  std::istringstream lines(support::read_file(folder / kList));
  for (std::string line; std::getline(lines, line);)
    if (const auto gap = line.find("  "); gap != std::string::npos)
      list[line.substr(gap + 2)] = line.substr(0, gap);
  return list;
}

std::string damage_in(const fs::path& folder, const std::vector<std::string>* files) {
  const auto list = read_list(folder);
  if (!files) {
    for (const auto& [name, checksum] : checksums_of(folder))
      if (const auto known = list.find(name); known == list.end() || known->second != checksum)
        return fmt::format("'{}' has changed", name);
    for (const auto& known : list)
      if (!fs::exists(fs::symlink_status(folder / known.first)))
        return fmt::format("'{}' is missing", known.first);
    return {};
  }
  for (const auto& name : *files) {
    const auto known = list.find(name);
    if (known == list.end() || !fs::exists(fs::symlink_status(folder / name)))
      return fmt::format("'{}' is missing", name);
    if (checksum_of_node(folder / name) != known->second)
      return fmt::format("'{}' has changed", name);
  }
  return {};
}

Descriptor open_folder(const fs::path& folder) {
  return Descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

}  // namespace

void seal(const fs::path& folder) {
  std::string text;
  for (const auto& [name, checksum] : checksums_of(folder)) {
    if (name.find('\n') != std::string::npos)
      throw support::failure(
          fmt::format("failed to keep a file whose name has a line break in '{}'", folder.string()));
    text += fmt::format("{}  {}\n", checksum, name);
  }
  support::write_file_atomic(folder / kList, text);
}

std::string damage(const fs::path& folder, const std::vector<std::string>* files) {
  if (files && files->empty())
    return {};
  try {
    return damage_in(folder, files);
  } catch (const support::Error& error) {
    if (error.kind() == support::ErrorKind::Interrupted)
      throw;
    return error.what();
  } catch (const fs::filesystem_error& error) {
    return error.what();
  }
}

std::string checksum_in(const fs::path& folder, const std::string& file) {
  try {
    const auto list = read_list(folder);
    const auto known = list.find(file);
    return known == list.end() ? "" : known->second;
  } catch (const support::Error&) {
    return {};
  }
}

std::optional<Descriptor> hold(const fs::path& folder) {
  for (;;) {
    Descriptor opened = open_folder(folder);
    if (!opened.open())
      return std::nullopt;
    while (::flock(opened.fd, LOCK_SH) != 0 && errno == EINTR)
      support::check_interrupt();
    if (is_still(opened, folder))
      return opened;  // else somebody took it away before we held it: is there another one?
  }
}

bool is_still(const Descriptor& held, const fs::path& folder) {
  struct stat ours {
  }, theirs{};
  return ::fstat(held.fd, &ours) == 0 && ::stat(folder.c_str(), &theirs) == 0 &&
         ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

bool take_away(const fs::path& folder, const fs::path& grave) {
  const Descriptor opened = open_folder(folder);
  if (!opened.open() || ::flock(opened.fd, LOCK_EX | LOCK_NB) != 0 || !is_still(opened, folder))
    return false;
  std::error_code problem;
  fs::rename(folder, grave, problem);
  return !problem;
}

void put_in_place(const fs::path& made, const fs::path& folder) {
  // Where there is a damaged one, both change places at once: nobody sees the entry missing.
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0)
    return;
  std::error_code problem;
  if (fs::exists(folder))
    fs::rename(folder, made.string() + ".old", problem);  // a file system that cannot exchange
  fs::rename(made, folder, problem);
  if (problem)
    throw support::failure("failed to write '" + folder.string() + "': " + problem.message());
}

}  // namespace vmimage::cache
