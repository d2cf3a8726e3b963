# Writes OUTPUT, a header with the SHA-256 over the sources under ROOT, so that a module tells which
# sources it was made of. tests/conftest.py makes the same digest.
file(GLOB_RECURSE sources RELATIVE ${ROOT} ${ROOT}/*.cpp ${ROOT}/*.hpp ${ROOT}/*.h ${ROOT}/*.def)
list(SORT sources)
set(lines "")
foreach(source ${sources})
  file(SHA256 ${ROOT}/${source} digest)
  string(APPEND lines "${source} ${digest}\n")
endforeach()
string(SHA256 digest "${lines}")
file(WRITE ${OUTPUT} "#define GATEWAY_SOURCE_DIGEST \"${digest}\"\n")
