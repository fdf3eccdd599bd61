# What a user gets: the program, the simulator's library and its client. The
# target `product` builds these and no tests; `cmake --install` copies them.
#
# The program finds the simulator's library beside itself: ../lib/sim in the
# build folder, ../lib/gpuward/sim where it is installed.
include(GNUInstallDirs)

add_custom_target(product)

# gpuward_product(TARGET… DESTINATION DIR)
function(gpuward_product)
  cmake_parse_arguments(ARG "" "DESTINATION" "" ${ARGN})
  foreach(target ${ARG_UNPARSED_ARGUMENTS})
    add_dependencies(product ${target})
    install(TARGETS ${target}
      RUNTIME DESTINATION ${ARG_DESTINATION}
      LIBRARY DESTINATION ${ARG_DESTINATION})
  endforeach()
endfunction()

gpuward_product(gpuward DESTINATION ${CMAKE_INSTALL_BINDIR})
gpuward_product(gpuward-kubelet gpuward-ask-kubelet DESTINATION libexec/gpuward)
gpuward_product(gpuward_simulated_nvml nvml_client DESTINATION lib/gpuward/sim)

install(FILES ${CMAKE_SOURCE_DIR}/LICENSE ${CMAKE_SOURCE_DIR}/CONTRIBUTING.md
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR}
  FILES_MATCHING PATTERN "*.md")
