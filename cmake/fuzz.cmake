# The preset "fuzz": clang's libFuzzer with ASan and UBSan, for tests/fuzz
# alone (docs/testing.md). Nothing else is built with clang. Included after
# gpuward.cmake, whose flags of GPUWARD_SANITIZE it amends.
set(GPUWARD_TESTS OFF) # one test of its own: see tests/fuzz/CMakeLists.txt
enable_testing()

target_compile_options(gpuward_options INTERFACE
  # clang 19 says __cpp_concepts is 201907, and libstdc++ 12 offers
  # std::expected only from 202002 on: conditionally trivial special members
  # (P0848), which clang has; it holds the number back for other papers.
  -U__cpp_concepts -D__cpp_concepts=202002L
  # Warnings are g++'s and clang-tidy's business.
  -w
  # Marks the edges of the code for libFuzzer, without its main function.
  -fsanitize=fuzzer-no-link
  # What UBSan leaves out by default: a number of a file that no int can hold.
  -fsanitize=float-cast-overflow -fno-sanitize-recover=float-cast-overflow
  # What ASan sees as well; these alone are a quarter of the build's time.
  -fno-sanitize=null,vptr,object-size,function,pointer-overflow)
