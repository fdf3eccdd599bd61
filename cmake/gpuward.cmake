# One static library per folder, linked explicitly, so that a wrong include
# does not build. Unit tests stand beside the code, one executable per folder.

add_library(gpuward_options INTERFACE)
target_include_directories(gpuward_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(gpuward_options INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wnull-dereference -Werror=return-type
  -fno-omit-frame-pointer
  # Designated initialisers leave the rest at their defaults on purpose.
  -Wno-missing-field-initializers
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>
  $<$<CONFIG:Debug>:-D_GLIBCXX_ASSERTIONS>)
if(GPUWARD_SANITIZE)
  target_compile_options(gpuward_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=undefined)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With g++ 12 the checks of every access double the time that a file takes.
    # ASan sees the same mistakes, but for the alignment; there clang looks, in
    # the fuzzers' build of all that reads what others wrote.
    target_compile_options(gpuward_options INTERFACE
      -fno-sanitize=null,object-size,vptr,alignment)
  endif()
  target_link_options(gpuward_options INTERFACE -fsanitize=address,undefined)
endif()

# gpuward_library(NAME SOURCES a.cpp … LINKS base … TESTS a_test.cpp …)
function(gpuward_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINKS;PRIVATE_LINKS;TESTS" ${ARGN})
  add_library(gpuward_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(gpuward_${name}
    PUBLIC gpuward_options ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
  if(NOT "PkgConfig::RE2" IN_LIST ARG_PRIVATE_LINKS) # it brings -pthread
    gpuward_precompiled(gpuward_${name} libraries)
  endif()
  if(GPUWARD_TESTS AND ARG_TESTS)
    gpuward_test(${name}_test SOURCES ${ARG_TESTS} LINKS gpuward_${name})
  endif()
endfunction()

# gpuward_test(NAME SOURCES … LINKS …): a gtest executable, one ctest entry.
function(gpuward_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS} GTest::gtest_main)
  # Tests run for moments and take longest to compile: a third less this way.
  target_compile_options(${name} PRIVATE -O0)
  gpuward_precompiled(${name} tests)
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  # What the event loop notices about its users ends the test (loop/loop.h).
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT GPUWARD_STRICT_LOOP=1)
endfunction()

# gpuward_test_alone(NAME…): time is part of what these show, so that nothing
# else runs meanwhile. Not so with sanitizers, where all is given three times as
# long.
function(gpuward_test_alone)
  if(NOT GPUWARD_SANITIZE)
    set_tests_properties(${ARGN} PROPERTIES RUN_SERIAL TRUE)
  endif()
endfunction()

# gpuward_embed(TARGET NAMESPACE FUNCTION files…): compiles the files into
# TARGET, where `std::span<const EmbeddedFile> NAMESPACE::FUNCTION()` gives them.
# The caller declares that function in a header of its own.
function(gpuward_embed target namespace function)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${function}.cpp)
  add_custom_command(OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DFUNCTION=${function}
      -DNAMESPACE=${namespace}
      "-DFILES=${ARGN}" -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
