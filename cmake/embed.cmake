# Makes a C file of the texts of a folder: cmake -DFOLDER=... -DOUT=... -P embed.cmake
# Each file becomes an array of numbers, so that no text needs quoting.
file(GLOB_RECURSE files ${FOLDER}/*.cu ${FOLDER}/*.cuh ${FOLDER}/args.h)
list(SORT files)
set(arrays "")
set(table "")
set(index 0)
foreach(file IN LISTS files)
  get_filename_component(name ${file} NAME)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," numbers "${hex}")
  string(APPEND arrays "static const char text_${index}[] = {${numbers}0};\n")
  string(APPEND table "    {\"${name}\", text_${index}, sizeof text_${index} - 1},\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT}.new "/* Made by cmake/embed.cmake. */
#include \"backends/cuda/sources.h\"

${arrays}
const oc_cuda_source oc_cuda_sources[] = {
${table}    {NULL, NULL, 0},
};
")
execute_process(COMMAND ${CMAKE_COMMAND} -E copy_if_different ${OUT}.new ${OUT})
file(REMOVE ${OUT}.new)
