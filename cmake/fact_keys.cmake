# Run as a script by src/model: writes OUT, the list of the keys that stand as
# constants in HEADER (model/facts.h), so that each is written down once.
file(READ ${HEADER} text)
string(REGEX MATCHALL "std::string_view k[A-Za-z0-9]+ =[ \n]+\"[a-z0-9_]+\""
  constants "${text}")
set(body "")
foreach(constant ${constants})
  string(REGEX REPLACE ".*(\"[a-z0-9_]+\")" "\\1" key "${constant}")
  string(APPEND body "    ${key},\n")
endforeach()
file(WRITE ${OUT} "// Generated from model/facts.h; do not edit.
#include \"model/facts.h\"

namespace gpuward::fact {
namespace {
constexpr std::string_view kKeys[] = {
${body}};
}  // namespace
std::span<const std::string_view> all_keys() { return kKeys; }
}  // namespace gpuward::fact
")
