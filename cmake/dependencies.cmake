# Libraries of Debian 12. All but libc and libsystemd (which has no static form,
# and is wherever systemd is) go into the executable: gpuward is copied to a
# machine as one file. With sanitizers the shared ones serve as well.
find_package(PkgConfig REQUIRED)
if(NOT GPUWARD_SANITIZE)
  set(shared_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
  list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES .a)
  # A build folder may remember shared ones that were found before.
  get_cmake_property(known CACHE_VARIABLES)
  foreach(name IN LISTS known)
    if(name MATCHES "^(pkgcfg_lib_|ZLIB_LIBRARY)" AND "${${name}}" MATCHES "[.]so$")
      unset(${name} CACHE)
    endif()
  endforeach()
endif()
pkg_check_modules(SYSTEMD REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(LIBELF REQUIRED IMPORTED_TARGET libelf)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
find_package(ZLIB REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
target_link_libraries(PkgConfig::LIBELF INTERFACE ZLIB::ZLIB)
target_link_libraries(PkgConfig::LIBBPF INTERFACE PkgConfig::LIBELF)
if(NOT GPUWARD_SANITIZE)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ${shared_suffixes})
  add_link_options(-static-libstdc++ -static-libgcc)
endif()

find_package(tomlplusplus REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)

add_library(gpuward_fmt STATIC cmake/fmt.cpp)

# For the kubelet roles alone. Unix sockets need no TLS: gRPC's form without it
# keeps OpenSSL out.
find_program(PROTOC protoc REQUIRED)
add_library(gpuward_grpc INTERFACE)
if(GPUWARD_SANITIZE)
  pkg_check_modules(GRPC REQUIRED IMPORTED_TARGET grpc++_unsecure)
  target_link_libraries(gpuward_grpc INTERFACE PkgConfig::GRPC)
  find_library(PROTOBUF_LITE protobuf-lite REQUIRED)
else()
  # The archives of gRPC and abseil need each other in circles.
  pkg_check_modules(GRPC REQUIRED grpc++_unsecure)
  set(archives ${GRPC_STATIC_LIBRARIES})
  # Not named by its pkg-config file: what the archives themselves stand on.
  list(APPEND archives upb address_sorting cares re2)
  list(REMOVE_ITEM archives rt atomic pthread dl m)
  list(REMOVE_DUPLICATES archives)
  list(TRANSFORM archives PREPEND "-l")
  target_link_libraries(gpuward_grpc INTERFACE
    -Wl,-Bstatic -Wl,--start-group ${archives} -lz -Wl,--end-group
    -Wl,-Bdynamic -latomic)
  find_library(PROTOBUF_LITE libprotobuf-lite.a REQUIRED)
endif()
