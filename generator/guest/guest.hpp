#pragma once
// What runs inside the image besides the service: small files, kept as such in files/.

#include <string>
#include <string_view>

namespace vmimage::guest {

/// Content of generator/guest/files/<name>. Throws std::out_of_range for a name that is not there.
std::string_view file(const std::string& name);

}  // namespace vmimage::guest
