#!/bin/sh
# install.sh BUILD SOURCE - installs BUILD into a temporary folder and uses it as a stranger would:
# octavo.h, pkg-config, CMake, both examples; from the installed tree alone.
set -eu
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
say() { echo "install: $*"; }
fail() { say "$*"; exit 1; }

DESTDIR=$work cmake --install "$build" --prefix /opt/octavo >"$work/log" || { cat "$work/log"; exit 1; }
root=$work/opt/octavo
export PKG_CONFIG_PATH="$root/lib/pkgconfig" LD_LIBRARY_PATH="$root/lib" PATH="$root/bin:$PATH"
cd "$work"
for file in bin/octavo include/octavo.h lib/liboctavo.so.0 lib/liboctavo.a share/man/man1/octavo.1 \
    share/man/man1/octavo-build.1 share/doc/octavo/LICENSE share/doc/octavo/docs/architecture.md; do
    [ -s "$root/$file" ] || fail "$file is not there"
done
say "no file names the folder it was built in; debug information has files of its own"
folders=$(printf '%s|%s' "$build" "$source" | sed 's/[].[*^$()+?{}\\]/\\&/g') # "./src/" is no folder "/src"
named=$(LC_ALL=C grep -arlE "(^|[^.A-Za-z0-9_-])($folders)/" "$root" || true)
[ -z "$named" ] || fail "names of build folders in" $named
for file in bin/octavo lib/liboctavo.so.0; do
    path=$(readlink -f "$root/$file")
    debug=$(dirname "$path")/.debug/$(basename "$path").debug
    if readelf -S "$path" | grep -q '\.debug_info'; then fail "$file is not stripped"; fi
    readelf --string-dump=.gnu_debuglink "$path" | grep -qF "$(basename "$debug")" ||
        fail "$file does not name its debug information"
    readelf -S "$debug" | grep -q '\.debug_info' || fail "$debug holds none"
done
say "an installation that the loader does not know says how to use it"
cmake --install "$build" --prefix "$work/elsewhere" | tail -1 |
    grep -qF "LD_LIBRARY_PATH=$work/elsewhere/lib" || fail "it does not"

version=$(pkg-config --modversion octavo)
[ "$(octavo version)" = "octavo $version" ] || fail "octavo.pc says $version, the program $(octavo version)"

say "exported symbols are those of octavo.h"
nm -D --defined-only "$root/lib/liboctavo.so" | awk '{print $3}' | sort >exported
grep -v '^#' "$root/include/octavo.h" | tr '\n' ' ' | grep -o 'OCTAVO_API [^;{]*;' |
    sed 's/ *(.*//; s/.*[ *]//' | sort >declared
cmp exported declared || { diff declared exported; exit 1; }

say "octavo.h is C11 and C++17 without a warning"
strict="-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror"
cat >user.c <<'EOF'
#include <octavo.h>
int main(void) {
    octavo_engine *engine = 0;
    octavo_error error;
    return octavo_version() >> 8 == (OCTAVO_VERSION_MAJOR << 8 | OCTAVO_VERSION_MINOR) &&
                   octavo_engine_open("/nowhere", &engine, &error) == OCTAVO_NOT_FOUND
               ? 0
               : 1;
}
EOF
cp user.c user.cpp
# shellcheck disable=SC2086,SC2046
{
    gcc -std=c11 $strict user.c $(pkg-config --cflags --libs octavo) -o user_c
    g++ -std=c++17 $strict user.cpp $(pkg-config --cflags --libs octavo) -o user_cpp
    gcc -std=c11 $strict user.c $(pkg-config --cflags octavo) \
        $(pkg-config --static --libs octavo | sed 's/-loctavo/-l:liboctavo.a/') -o user_static
}
./user_c || fail "a C program against liboctavo.so fails"
./user_cpp || fail "a C++ program against liboctavo.so fails"
LD_LIBRARY_PATH='' ./user_static || fail "a C program against liboctavo.a fails"

say "both examples, by pkg-config and by CMake"
examples=$root/share/doc/octavo/examples
for example in embed_image build_and_classify; do
    # shellcheck disable=SC2046
    gcc -std=c11 "$examples/$example.c" $(pkg-config --cflags --libs octavo) -lm -o $example
done
cmake -S "$examples" -B by_cmake -DCMAKE_PREFIX_PATH="$root" >/dev/null
cmake --build by_cmake >/dev/null
photo=$source/examples/photos/koala.jpg
for by in . by_cmake; do
    $by/build_and_classify "$source/models/clip-mini-fp8" clip.octavo "$photo" \
        goldfish koala pyramid | sort -rn | tee said
    head -1 said | grep -q 'koala$' || fail "the koala was not recognised"
    $by/embed_image clip.octavo "$photo" | grep '256 numbers, length 1.0000' ||
        fail "the embedding has another length"
done

say "the C of the README"
{
    echo '#include <octavo.h>'
    echo '#include <stdio.h>'
    echo 'int main(void) { octavo_engine *engine; octavo_model *model; octavo_session *session;'
    echo 'octavo_error error; static uint8_t pixels[64 * 64 * 3]; static float embedding[256];'
    sed -n '/^```c$/,/^```$/p' "$source/README.md" | grep -v '^```'
    echo 'printf("%+.4f", (double)embedding[0]); }'
} >readme.c
cp "$photo" koala.jpg
# shellcheck disable=SC2046
gcc -Wno-unused-result readme.c $(pkg-config --cflags --libs octavo) -o readme || fail "it does not compile"
./embed_image clip.octavo koala.jpg | grep -qF -- "$(./readme) " || fail "it computes something else"

say "errors end in a sentence and a failure"
if ./embed_image /nowhere "$photo" 2>said; then fail "a missing engine was accepted"; fi
grep -q 'NOT_FOUND: .*/nowhere' said || { cat said; fail "the sentence does not name the file"; }

say "bash completion completes"
bash -c '. "$0" && COMP_WORDS=(octavo cl) COMP_CWORD=1 && _octavo && [ "${COMPREPLY[*]}" = classify ]' \
    "$root/share/bash-completion/completions/octavo" || fail "octavo cl<TAB> is not classify"
say "all is well"
