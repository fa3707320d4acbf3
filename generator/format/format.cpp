#include "format/format.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::format {

const std::vector<Format>& all() {
  static const std::vector<Format> formats{
      {"qcow2", ".qcow2", "qcow2", ""},
      {"raw", ".raw", "raw", ""},
      {"vmdk", ".vmdk", "vmdk", "subformat=streamOptimized"},  // what VMware and VirtualBox import
      {"vdi", ".vdi", "vdi", ""},
      {"vhdx", ".vhdx", "vhdx", "subformat=dynamic"}};
  return formats;
}

const Format& find(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& format : all()) {
    if (format.name == name)
      return format;
    names.push_back(format.name);
  }
  const std::string guess = support::nearest(name, names);
  throw support::invalid(fmt::format("unknown format '{}'", name),
                         guess.empty() ? fmt::format("known are {}", fmt::join(names, ", "))
                                       : fmt::format("did you mean '{}'?", guess));
}

void convert(const std::filesystem::path& from, const std::string& from_driver, const Format& format,
             const std::filesystem::path& to) {
  std::vector<std::string> argv{"qemu-img", "convert", "-O", format.driver};
  if (!from_driver.empty())
    argv.insert(argv.end(), {"-f", from_driver});
  if (!format.options.empty())
    argv.insert(argv.end(), {"-o", format.options});
  argv.insert(argv.end(), {from.string(), to.string()});
  support::run_checked({.argv = argv});
}

}  // namespace vmimage::format
