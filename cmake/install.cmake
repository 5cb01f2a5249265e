# What `make install` puts into place: the program with its pages and completion; liboctavo.so and
# liboctavo.a with octavo.h, octavo.pc and a CMake package (find_package(Octavo), Octavo::octavo).
# Instrumented builds are not for installing.
if(OCTAVO_SANITIZE OR OCTAVO_FUZZ)
  return()
endif()

# -- the libraries: the objects of all rooms.  The shared one shows what octavo.h marks OCTAVO_API.
set(objects "")
foreach(room IN LISTS OCTAVO_ROOMS)
  list(APPEND objects $<TARGET_OBJECTS:${room}>)
endforeach()
add_library(octavo SHARED ${objects})
add_library(octavo_static STATIC ${objects})
set_target_properties(octavo PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                        LINKER_LANGUAGE C)
set_target_properties(octavo_static PROPERTIES OUTPUT_NAME octavo LINKER_LANGUAGE C)
target_include_directories(octavo INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_options(octavo PRIVATE -Wl,--no-undefined)
target_link_libraries(octavo PRIVATE PkgConfig::JPEG PkgConfig::PNG PkgConfig::WEBP PkgConfig::UTF8PROC
                                     PkgConfig::XXHASH Threads::Threads m)

install(TARGETS octavo EXPORT OctavoConfig)
install(TARGETS octavo_static)
install(FILES include/octavo.h TYPE INCLUDE)

# -- how others find them.  Both descriptions are relative: the tree may be moved.
include(CMakePackageConfigHelpers)
file(RELATIVE_PATH OCTAVO_PC_PREFIX /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
string(REGEX REPLACE "/$" "" OCTAVO_PC_PREFIX ${OCTAVO_PC_PREFIX})
configure_file(cmake/octavo.pc.in octavo.pc @ONLY)
write_basic_package_version_file(OctavoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/octavo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT OctavoConfig NAMESPACE Octavo:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Octavo)
install(FILES ${CMAKE_BINARY_DIR}/OctavoConfigVersion.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/Octavo)

# -- the program, and what it says about itself
install(TARGETS octavo_cli)
file(READ apps/cli/line/commands.h table)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS apps/cli/line/commands.h)
string(REGEX MATCHALL "    XX\\([a-z]+\\)" commands "${table}") # OC_CLI_COMMAND_MAP
list(TRANSFORM commands REPLACE " *XX\\(([a-z]+)\\)" "\\1")
set(pages "")
foreach(command octavo ${commands})
  string(REGEX REPLACE "^octavo-octavo$" "octavo" page octavo-${command})
  add_custom_command(OUTPUT man/${page}.1 DEPENDS octavo_cli VERBATIM
                     COMMAND octavo_cli help --man ${command} > man/${page}.1)
  list(APPEND pages ${CMAKE_BINARY_DIR}/man/${page}.1)
endforeach()
add_custom_command(OUTPUT octavo.bash DEPENDS octavo_cli VERBATIM
                   COMMAND octavo_cli help --completion bash > octavo.bash)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/man)
add_custom_target(octavo_pages ALL DEPENDS ${pages} ${CMAKE_BINARY_DIR}/octavo.bash)
install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/octavo.bash RENAME octavo
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

# -- to read
install(FILES README.md CHANGELOG.md CONTRIBUTING.md LICENSE NOTICE TYPE DOC)
install(DIRECTORY docs TYPE DOC FILES_MATCHING PATTERN "*.md")
install(FILES examples/embed_image.c examples/build_and_classify.c examples/CMakeLists.txt
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)

# -- last
if(CMAKE_BUILD_TYPE STREQUAL Release)
  set(objcopy "${CMAKE_OBJCOPY}")
endif()
install(CODE "set(OBJCOPY \"${objcopy}\")
set(LIBDIR \"${CMAKE_INSTALL_LIBDIR}\")
set(PROGRAM \"${CMAKE_INSTALL_BINDIR}/$<TARGET_FILE_NAME:octavo_cli>\")
set(SHARED \"${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:octavo>\")
set(ARCHIVE \"${CMAKE_INSTALL_LIBDIR}/$<TARGET_FILE_NAME:octavo_static>\")")
install(SCRIPT cmake/after_install.cmake)
