# Run as a script by gpuward_embed: writes OUT, a C++ file that holds FILES as
# raw
# strings and answers NAMESPACE::FUNCTION().
set(body "")
foreach(file ${FILES})
  get_filename_component(name ${file} NAME)
  file(READ ${file} text)
  # Compilers bound the length of one literal; adjacent ones are joined.
  string(LENGTH "${text}" length)
  set(literals "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 12000 piece)
    string(LENGTH "${piece}" step)
    string(APPEND literals "\n     R\"gw_(${piece})gw_\"")
    math(EXPR at "${at} + ${step}")
  endwhile()
  if(length EQUAL 0)
    set(literals "\"\"")
  endif()
  # "sv" has the compiler's own count: clang would give up counting so many
  # characters in a constant expression.
  string(APPEND body "    {\"${name}\", ${literals}sv},\n")
endforeach()
file(WRITE ${OUT} "// Generated from ${FUNCTION}'s files; do not edit.
#include \"base/embedded.h\"

namespace ${NAMESPACE} {
namespace {
using namespace std::string_view_literals;
constexpr EmbeddedFile kFiles[] = {
${body}};
}  // namespace
std::span<const EmbeddedFile> ${FUNCTION}() { return kFiles; }
}  // namespace ${NAMESPACE}
")
