#include "license/names.hpp"

#include <algorithm>
#include <map>

#include "support/text.hpp"

namespace vmimage::license {

using support::lower;

namespace {

/// DEP-5 ("License specification", "Short name") and what packages write besides; lower-case.
const std::map<std::string, std::string> kNames{
    {"0bsd", "0BSD"},
    {"afl-2.1", "AFL-2.1"},
    {"apache-1.0", "Apache-1.0"},
    {"apache-1.1", "Apache-1.1"},
    {"apache-2", "Apache-2.0"},
    {"apache-2.0", "Apache-2.0"},
    {"artistic", "Artistic-1.0-Perl"},  // the text in /usr/share/common-licenses/Artistic
    {"artistic-1", "Artistic-1.0-Perl"},
    {"artistic-2", "Artistic-2.0"},
    {"artistic-2.0", "Artistic-2.0"},
    {"beerware", "Beerware"},
    {"boost-1.0", "BSL-1.0"},
    {"bsd-1-clause", "BSD-1-Clause"},
    {"bsd-2-clause", "BSD-2-Clause"},
    {"bsd-2-clause-netbsd", "BSD-2-Clause"},
    {"bsd-3-clause", "BSD-3-Clause"},
    {"bsd-4-clause", "BSD-4-Clause"},
    {"bsd-4-clause-uc", "BSD-4-Clause-UC"},
    {"bsl-1.0", "BSL-1.0"},
    {"bzip2-1.0.6", "bzip2-1.0.6"},
    {"cc-by-3.0", "CC-BY-3.0"},
    {"cc-by-4.0", "CC-BY-4.0"},
    {"cc-by-sa-3.0", "CC-BY-SA-3.0"},
    {"cc-by-sa-4.0", "CC-BY-SA-4.0"},
    {"cc0", "CC0-1.0"},
    {"cc0-1.0", "CC0-1.0"},
    {"cddl", "CDDL-1.0"},
    {"cddl-1.0", "CDDL-1.0"},
    {"cpl-1.0", "CPL-1.0"},
    {"curl", "curl"},
    {"efl-2", "EFL-2.0"},
    {"epl-1.0", "EPL-1.0"},
    {"epl-2.0", "EPL-2.0"},
    {"expat", "MIT"},
    {"fsful", "FSFUL"},
    {"fsfullr", "FSFULLR"},
    {"ftl", "FTL"},
    {"hpnd", "HPND"},
    {"ijg", "IJG"},
    {"isc", "ISC"},
    {"latex2e", "Latex2e"},
    {"libpng", "Libpng"},
    {"mit", "MIT"},
    {"mit-0", "MIT-0"},
    {"mpl-1.0", "MPL-1.0"},
    {"mpl-1.1", "MPL-1.1"},
    {"mpl-2.0", "MPL-2.0"},
    {"ncsa", "NCSA"},
    {"ntp", "NTP"},
    {"ofl-1.1", "OFL-1.1"},
    {"oldap-2.8", "OLDAP-2.8"},
    {"openldap-2.8", "OLDAP-2.8"},
    {"openssl", "OpenSSL"},
    {"perl", "(Artistic-1.0-Perl OR GPL-1.0-or-later)"},
    {"php-3.01", "PHP-3.01"},
    {"postgresql", "PostgreSQL"},
    {"psf-2", "PSF-2.0"},
    {"psf-2.0", "PSF-2.0"},
    {"python-2.0", "Python-2.0"},
    {"qpl-1.0", "QPL-1.0"},
    {"ruby", "Ruby"},
    {"sleepycat", "Sleepycat"},
    {"ssleay", "SSLeay-standalone"},
    {"tcl", "TCL"},
    {"unicode-dfs-2016", "Unicode-DFS-2016"},
    {"unlicense", "Unlicense"},
    {"vim", "Vim"},
    {"w3c", "W3C"},
    {"wtfpl", "WTFPL"},
    {"wtfpl-2", "WTFPL"},
    {"x11", "X11"},
    {"zlib", "Zlib"},
    {"zlib/libpng", "zlib-acknowledgement"},
    {"zpl-2.1", "ZPL-2.1"}};

/// The versions of the GNU licences that SPDX lists.
const std::map<std::string, std::string> kGnu{{"agpl-3", "AGPL-3.0"},
                                              {"gfdl-1.1", "GFDL-1.1"},
                                              {"gfdl-1.2", "GFDL-1.2"},
                                              {"gfdl-1.3", "GFDL-1.3"},
                                              {"gpl-1", "GPL-1.0"},
                                              {"gpl-2", "GPL-2.0"},
                                              {"gpl-3", "GPL-3.0"},
                                              {"lgpl-2", "LGPL-2.0"},
                                              {"lgpl-2.1", "LGPL-2.1"},
                                              {"lgpl-3", "LGPL-3.0"},
                                              {"gfdl-niv-1.1", "GFDL-1.1-no-invariants"},
                                              {"gfdl-niv-1.2", "GFDL-1.2-no-invariants"},
                                              {"gfdl-niv-1.3", "GFDL-1.3-no-invariants"}};

/// "GPL-2+" → "GPL-2.0-or-later".
std::optional<std::string> gnu_of(std::string name) {
  std::string suffix = "-only";
  for (const std::string later : {"+", "-or-later"})
    if (name.ends_with(later)) {
      name.resize(name.size() - later.size());
      suffix = "-or-later";
    }
  if (name.ends_with("-only"))
    name.resize(name.size() - 5);
  if (name.ends_with(".0"))
    name.resize(name.size() - 2);
  const auto found = kGnu.find(name);
  return found == kGnu.end() ? std::nullopt : std::optional(found->second + suffix);
}

struct Exception {
  const char* license;  ///< what the licence begins with
  const char* name;     ///< lower-case, without "exception"
  const char* spdx;
};
constexpr Exception kExceptions[] = {{"GPL-2.0", "autoconf", "Autoconf-exception-2.0"},
                                     {"GPL-3.0", "autoconf", "Autoconf-exception-3.0"},
                                     {"GPL-2.0", "bison", "Bison-exception-2.2"},
                                     {"GPL-3.0", "bison", "Bison-exception-2.2"},
                                     {"GPL-2.0", "classpath", "Classpath-exception-2.0"},
                                     {"GPL-2.0", "font", "Font-exception-2.0"},
                                     {"GPL-3.0", "gcc", "GCC-exception-3.1"},
                                     {"GPL-3.0", "gcc-runtime", "GCC-exception-3.1"},
                                     {"GPL-2.0", "libtool", "Libtool-exception"},
                                     {"GPL-3.0", "libtool", "Libtool-exception"},
                                     {"GPL-2.0", "linux-syscall-note", "Linux-syscall-note"},
                                     {"LGPL-2", "linux-syscall-note", "Linux-syscall-note"}};

}  // namespace

std::optional<std::string> spdx_of(const std::string& name) {
  const std::string key = lower(name);
  if (const auto found = kNames.find(key); found != kNames.end())
    return found->second;
  return gnu_of(key);
}

std::optional<std::string> spdx_exception(const std::string& license, const std::string& exception) {
  std::string key = lower(exception);
  std::replace(key.begin(), key.end(), ' ', '-');
  if (key.ends_with("-exception"))
    key.resize(key.size() - 10);
  for (const auto& known : kExceptions)
    if (key == known.name && license.starts_with(known.license))
      return known.spdx;
  return std::nullopt;
}

}  // namespace vmimage::license
