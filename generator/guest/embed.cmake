# Turns the files of a folder, and a program, into a C++ source that holds them:
# cmake -DFOLDER=… -DPROGRAM=… -DOUTPUT=… -P embed.cmake
file(GLOB names RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT names)
set(entries "")
foreach(name IN LISTS names)
  file(READ "${FOLDER}/${name}" content)
  string(APPEND entries "      {\"${name}\", R\"vmimage(${content})vmimage\"},\n")
endforeach()
get_filename_component(program "${PROGRAM}" NAME)
file(WRITE "${OUTPUT}" "// Made from ${FOLDER} by embed.cmake.
#include <map>

#include \"guest/guest.hpp\"

asm(\".section .rodata\\n\"
    \"vmimage_guest_program: .incbin \\\"${PROGRAM}\\\"\\n\"
    \"vmimage_guest_program_end:\\n\"
    \".previous\\n\");
extern const char first[] asm(\"vmimage_guest_program\");
extern const char last[] asm(\"vmimage_guest_program_end\");

namespace vmimage::guest {

std::string_view file(const std::string& name) {
  static const std::map<std::string, std::string_view> files{
${entries}      {\"${program}\", std::string_view(first, static_cast<std::size_t>(last - first))},
  };
  return files.at(name);
}

}  // namespace vmimage::guest
")
