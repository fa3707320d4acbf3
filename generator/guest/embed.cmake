# Turns the files of a folder into a C++ source that holds them: cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake
file(GLOB names RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT names)
set(entries "")
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" content)
  string(APPEND entries "      {\"${name}\", R\"vmimage(${content})vmimage\"},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made from ${FOLDER} by embed.cmake.
#include <map>

#include \"guest/guest.hpp\"

namespace vmimage::guest {

std::string_view file(const std::string& name) {
  static const std::map<std::string, std::string_view> files{
${entries}  };
  return files.at(name);
}

}  // namespace vmimage::guest
")
