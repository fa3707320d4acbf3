# Turns the files of a folder, and programs, into a C++ source that holds them:
# cmake -DFOLDER=… -DPROGRAMS=a,b -DOUTPUT=… -P embed.cmake
file(GLOB names RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT names)
set(entries "")
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" content)
  string(APPEND entries "      {\"${name}\", R\"vmimage(${content})vmimage\"},\n")
endforeach()
string(REPLACE "," ";" PROGRAMS "${PROGRAMS}")
set(sections "")
set(symbols "")
foreach(file IN LISTS PROGRAMS)
  get_filename_component(program "${file}" NAME)
  string(APPEND sections "
    \"vmimage_guest_${program}: .incbin \\\"${file}\\\"\\n\"
    \"vmimage_guest_${program}_end:\\n\"")
  string(APPEND symbols "
extern const char ${program}[] asm(\"vmimage_guest_${program}\");
extern const char ${program}_end[] asm(\"vmimage_guest_${program}_end\");")
  string(APPEND entries
    "      {\"${program}\", std::string_view(${program}, static_cast<std::size_t>(${program}_end - ${program}))},\n")
endforeach()
file(WRITE "${OUTPUT}" "// Made from ${FOLDER} by embed.cmake.
#include <map>

#include \"guest/guest.hpp\"

asm(\".section .rodata\\n\"${sections}
    \".previous\\n\");${symbols}

namespace vmimage::guest {

std::string_view file(const std::string& name) {
  static const std::map<std::string, std::string_view> files{
${entries}  };
  return files.at(name);
}

}  // namespace vmimage::guest
")
