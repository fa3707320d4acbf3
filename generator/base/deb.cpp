#include "base/deb.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>
#include <sstream>

#include "support/error.hpp"
#include "support/text.hpp"

namespace vmimage::base {

namespace fs = std::filesystem;

namespace {

struct Release {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Release>;

/// Reads one member of the outer ar archive as the bytes of an inner one.
struct Outer {
  archive* reader;
  std::vector<char> buffer = std::vector<char>(1 << 16);
};

la_ssize_t read_outer(archive* inner, void* data, const void** block) {
  auto* outer = static_cast<Outer*>(data);
  const la_ssize_t got = archive_read_data(outer->reader, outer->buffer.data(), outer->buffer.size());
  if (got < 0)
    archive_set_error(inner, EIO, "%s", archive_error_string(outer->reader));
  *block = outer->buffer.data();
  return got;
}

std::string absolute(const char* path) {
  return (fs::path("/") / fs::path(path ? path : "").relative_path()).lexically_normal().string();
}

std::string content(archive* reader, std::size_t limit) {
  std::string text;
  std::vector<char> block(1 << 14);
  la_ssize_t got = 0;
  while (text.size() < limit && (got = archive_read_data(reader, block.data(), block.size())) > 0)
    text.append(block.data(), static_cast<std::size_t>(got));
  text.resize(std::min(text.size(), limit));
  return text;
}

/// The file `path` of the .deb's part whose name begins with `part` ("control.tar", "data.tar").
std::optional<std::string> file_of_part(const fs::path& deb, const std::string& part, const std::string& path,
                                        std::size_t limit) {
  const auto fail = [&](const char* cause) {
    throw support::invalid(fmt::format("failed to read the package '{}': {}", deb.string(),
                                       cause ? cause : "it is no Debian package"),
                           "a package is a .deb file, as dpkg-deb or CPack make it");
  };
  const Reader reader(archive_read_new());
  archive_read_support_format_ar(reader.get());
  if (archive_read_open_filename(reader.get(), deb.c_str(), 1 << 16) != ARCHIVE_OK)
    fail(nullptr);
  archive_entry* entry = nullptr;
  while (archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK) {
    const char* name = archive_entry_pathname(entry);
    if (!name || !std::string(name).starts_with(part))
      continue;
    const Reader inner(archive_read_new());
    archive_read_support_format_tar(inner.get());
    archive_read_support_filter_all(inner.get());
    Outer outer{reader.get()};
    if (archive_read_open(inner.get(), &outer, nullptr, read_outer, nullptr) != ARCHIVE_OK)
      fail(archive_error_string(inner.get()));
    int status = 0;
    while ((status = archive_read_next_header(inner.get(), &entry)) == ARCHIVE_OK || status == ARCHIVE_WARN)
      if (absolute(archive_entry_pathname(entry)) == path && archive_entry_filetype(entry) == AE_IFREG)
        return content(inner.get(), limit);
    if (status != ARCHIVE_EOF)
      fail(archive_error_string(inner.get()));
    return std::nullopt;
  }
  fail(nullptr);
  return std::nullopt;
}

std::string trimmed(const std::string& text) {
  const auto start = text.find_first_not_of(" \t\n");
  return start == std::string::npos ? "" : text.substr(start, text.find_last_not_of(" \t\n") - start + 1);
}

/// Index of each package by the names that it answers to; its own name goes before what others provide.
std::map<std::string, std::size_t> index_by_name(const std::vector<PackageNeeds>& packages) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < packages.size(); ++i)
    for (const auto& name : packages[i].provides)
      index.emplace(name, i);
  for (std::size_t i = 0; i < packages.size(); ++i)
    index[packages[i].name] = i;
  return index;
}

}  // namespace

std::map<std::string, std::string> parse_control(const std::string& text) {
  std::map<std::string, std::string> fields;
  std::string* last = nullptr;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty()) {
      if (fields.empty())
        continue;
      break;
    }
    if (line[0] == ' ' || line[0] == '\t') {
      if (last)
        *last += "\n" + line.substr(1);
      continue;
    }
    const auto colon = line.find(':');
    if (colon == std::string::npos)
      continue;
    last = &fields[line.substr(0, colon)];
    *last = trimmed(line.substr(colon + 1));
  }
  return fields;
}

std::vector<std::vector<std::string>> parse_dependencies(const std::string& field) {
  std::vector<std::vector<std::string>> groups;
  for (const auto& part : support::split(field, ',')) {
    std::vector<std::string> alternatives;
    for (const auto& alternative : support::split(part, '|')) {
      const std::string word = trimmed(alternative);
      const std::string name = word.substr(0, word.find_first_of(" (:[<\n"));
      if (!name.empty())
        alternatives.push_back(name);
    }
    if (!alternatives.empty())
      groups.push_back(alternatives);
  }
  return groups;
}

std::map<std::string, std::string> deb_control(const fs::path& deb) {
  constexpr std::size_t kLongest = 1 << 20;
  const auto text = file_of_part(deb, "control.tar", "/control", kLongest);
  auto fields = parse_control(text.value_or(""));
  if (fields["Package"].empty() || fields["Version"].empty())
    throw support::invalid(
        fmt::format("failed to read the package '{}': its control file has no name", deb.string()),
        "a package is a .deb file, as dpkg-deb or CPack make it");
  return fields;
}

std::optional<std::string> deb_file(const fs::path& deb, const std::string& path, std::size_t limit) {
  return file_of_part(deb, "data.tar", path, limit);
}

std::string gunzip(const std::string& packed, std::size_t limit) {
  const Reader reader(archive_read_new());
  archive_read_support_format_raw(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_entry* entry = nullptr;
  if (archive_read_open_memory(reader.get(), packed.data(), packed.size()) != ARCHIVE_OK ||
      archive_read_next_header(reader.get(), &entry) != ARCHIVE_OK)
    throw support::failure("failed to expand what gzip has compressed");
  return content(reader.get(), limit);
}

PackageNeeds needs_of(const std::map<std::string, std::string>& control) {
  const auto field = [&](const char* name) {
    const auto found = control.find(name);
    return found == control.end() ? std::string() : found->second;
  };
  PackageNeeds needs;
  needs.name = field("Package");
  needs.essential = field("Essential") == "yes";
  for (const auto& group : parse_dependencies(field("Provides")))
    needs.provides.push_back(group.at(0));
  needs.pre_depends = parse_dependencies(field("Pre-Depends"));
  needs.depends = parse_dependencies(field("Depends"));
  return needs;
}

std::vector<std::size_t> first_packages(const std::vector<PackageNeeds>& packages) {
  const auto index = index_by_name(packages);
  std::set<std::size_t> first;
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < packages.size(); ++i)
    if (packages[i].essential)
      open.push_back(i);
  while (!open.empty()) {
    const std::size_t current = open.back();
    open.pop_back();
    if (!first.insert(current).second)
      continue;
    for (const auto* groups : {&packages[current].pre_depends, &packages[current].depends})
      for (const auto& group : *groups)
        for (const auto& name : group)
          if (const auto found = index.find(name); found != index.end())
            open.push_back(found->second);
  }
  return {first.begin(), first.end()};
}

std::vector<std::vector<std::size_t>> install_rounds(const std::vector<PackageNeeds>& packages) {
  const auto index = index_by_name(packages);
  std::vector<std::vector<std::size_t>> rounds;
  std::set<std::size_t> done;
  while (done.size() < packages.size()) {
    std::vector<std::size_t> round;
    for (std::size_t i = 0; i < packages.size(); ++i) {
      const auto open = [&](const std::vector<std::string>& group) {
        return std::any_of(group.begin(), group.end(), [&](const std::string& name) {
          const auto found = index.find(name);
          return found != index.end() && found->second != i && !done.contains(found->second);
        });
      };
      const auto& groups = packages[i].pre_depends;
      if (!done.contains(i) && std::none_of(groups.begin(), groups.end(), open))
        round.push_back(i);
    }
    if (round.empty())  // a circle: all at once, as dpkg would be told to
      for (std::size_t i = 0; i < packages.size(); ++i)
        if (!done.contains(i))
          round.push_back(i);
    done.insert(round.begin(), round.end());
    rounds.push_back(round);
  }
  return rounds;
}

}  // namespace vmimage::base
