# Half of a file's compile time is the standard library's headers. They are
# compiled once for all libraries and once for all tests, by whichever comes
# first; `./dev lint` does without, so that it misses what a file forgot to
# include.
option(GPUWARD_PRECOMPILED "Compile the standard library's headers once" ON)

# gpuward_precompiled(TARGET KIND): all of a kind have the same flags, but for
# those that change no header (-pthread does).
function(gpuward_precompiled target kind)
  if(NOT GPUWARD_PRECOMPILED)
    return()
  endif()
  # g++ 12 forgets that these are the system's headers, whose false warnings it
  # holds back otherwise.
  target_compile_options(${target} PRIVATE -Wno-array-bounds
    -Wno-stringop-overread -Wno-stringop-overflow)
  get_property(owner GLOBAL PROPERTY gpuward_precompiled_${kind})
  if(owner)
    target_precompile_headers(${target} REUSE_FROM ${owner})
    return()
  endif()
  set_property(GLOBAL PROPERTY gpuward_precompiled_${kind} ${target})
  target_precompile_headers(${target} PRIVATE <algorithm> <array> <chrono>
    <expected> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <utility> <variant> <vector> <fmt/core.h>)
  if(kind STREQUAL "tests")
    target_precompile_headers(${target} PRIVATE <filesystem> <fstream>
      <gtest/gtest.h>)
  endif()
endfunction()
