# Runs at the end of `cmake --install`, with OBJCOPY, STRIP, LIBDIR, PROGRAM, SHARED and ARCHIVE set:
# debug information moves into files of its own, where debuggers look for it (.debug/ beside the file),
# and the loader learns of the library, or the last lines say how a program finds it.

foreach(file ${PROGRAM} ${SHARED})
  set(path $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/${file})
  get_filename_component(folder ${path} DIRECTORY)
  get_filename_component(name ${path} NAME)
  if(OBJCOPY)
    file(MAKE_DIRECTORY ${folder}/.debug)
    execute_process(COMMAND ${OBJCOPY} --only-keep-debug ${path} ${folder}/.debug/${name}.debug
                    COMMAND_ERROR_IS_FATAL ANY)
    execute_process(COMMAND ${OBJCOPY} --strip-unneeded ${path} COMMAND_ERROR_IS_FATAL ANY)
    # from within the folder: the link names the file alone
    execute_process(COMMAND ${OBJCOPY} --add-gnu-debuglink=${name}.debug ${path}
                    WORKING_DIRECTORY ${folder}/.debug COMMAND_ERROR_IS_FATAL ANY)
    file(CHMOD ${folder}/.debug/${name}.debug PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
    message(STATUS "Installing: ${folder}/.debug/${name}.debug")
  endif()
endforeach()
if(OBJCOPY)
  execute_process(COMMAND ${OBJCOPY} --strip-debug
                  $ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}/${ARCHIVE} COMMAND_ERROR_IS_FATAL ANY)
endif()

if(DEFINED ENV{DESTDIR} AND NOT "$ENV{DESTDIR}" STREQUAL "")
  return() # a package's concern
endif()
set(libraries ${CMAKE_INSTALL_PREFIX}/${LIBDIR})
find_program(LDCONFIG ldconfig PATHS /sbin /usr/sbin)
set(folders "")
if(LDCONFIG)
  execute_process(COMMAND ${LDCONFIG} -v -N -X OUTPUT_VARIABLE folders ERROR_QUIET)
endif()
string(FIND "\n${folders}" "\n${libraries}:" at)
if(at LESS 0)
  message(STATUS "The loader does not look into ${libraries} by itself. To build and run programs "
                 "with liboctavo:\n"
                 "     export PKG_CONFIG_PATH=${libraries}/pkgconfig LD_LIBRARY_PATH=${libraries}")
else()
  execute_process(COMMAND ${LDCONFIG} RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
  if(failed)
    message(STATUS "Once, so that programs find liboctavo: sudo ldconfig")
  endif()
endif()
