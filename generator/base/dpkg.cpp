#include "base/dpkg.hpp"

#include <sstream>

namespace vmimage::base {

std::vector<recipe::Package> parse_status(const std::string& status) {
  std::vector<recipe::Package> packages;
  recipe::Package package;
  bool installed = false;
  const auto finish = [&] {
    if (installed && !package.name.empty())
      packages.push_back(package);
    package = {};
    installed = false;
  };
  std::istringstream lines(status);
  for (std::string line; std::getline(lines, line);) {
    const auto value = [&](const char* field) { return line.substr(std::string(field).size()); };
    if (line.empty())
      finish();
    else if (line.starts_with("Package: "))
      package = {value("Package: "), "", "", "NOASSERTION"};
    else if (line.starts_with("Version: "))
      package.version = value("Version: ");
    else if (line.starts_with("Architecture: "))
      package.architecture = value("Architecture: ");
    else if (line.starts_with("Status: "))
      installed = line.ends_with(" installed");
  }
  finish();
  return packages;
}

}  // namespace vmimage::base
