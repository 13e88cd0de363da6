#!/usr/bin/env bash
# Run the tests of the kernels and the state fuzz on a build with sanitizers, outside the source tree.
#   tools/sanitize.sh address [pytest arguments]   AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/sanitize.sh thread  [pytest arguments]   ThreadSanitizer
# Without arguments for pytest, the script runs the tests that each sanitizer is useful for. PYTHON
# names the interpreter, which needs the packages of the extra `test`, Cython and setuptools.
# FASTW2V_LEVELS lists the levels to build (default: baseline); the highest one that the CPU supports
# is tested. KEEP names a folder for the build, which later runs reuse. BUILD_ONLY=1 builds without
# testing, and TESTS_ONLY=1 tests without building.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=${1:-address}
shift || true
python=$(command -v "${PYTHON:-python}")
library() { "${CC:-gcc}" -print-file-name="lib$1.so"; }

build=${KEEP:-$(mktemp -d)}
[[ -n ${KEEP:-} ]] || trap 'rm -rf "$build"' EXIT
mkdir -p "$build"
[[ -n ${TESTS_ONLY:-} ]] || tar --exclude=./build --exclude='*.so' --exclude=./.git --create --file=- \
    ./setup.py ./pyproject.toml ./README.md ./LICENSE ./fastw2v ./src_pyx ./tests ./tools |
    tar --extract --file=- --directory="$build"
suppressions=$PWD/tools/tsan_suppressions.txt

case $kind in
address)
    switch=FASTW2V_ASAN
    preload="$(library asan) $(library ubsan)"
    # Python's own leaks are known, and an allocation beyond the memory must return NULL.
    options=(ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1)
    # The state fuzz changes arrays, maps and settings of live objects; test_state names the cases.
    tests=(tests/kernels tests/*/test_state.py tests/*/test_state_fuzz.py)
    ;;
thread)
    switch=FASTW2V_TSAN
    preload=$(library tsan)
    options=("TSAN_OPTIONS=suppressions=$suppressions:exitcode=66:history_size=4:allocator_may_return_null=1:log_path=$build/report"
        OPENBLAS_NUM_THREADS=1) # numpy's BLAS is not built with it
    # Two threads in one layer race; the README says so, and other tests cover it.
    tests=(tests/kernels tests/layers/test_table.py -k "(kernels or kernel or thread) and not one_layer and not left_behind and not leaves_nothing")
    ;;
*)
    echo "sanitize.sh: expected address or thread, got $kind" >&2
    exit 2
    ;;
esac
(($#)) && tests=("$@")

cd "$build"
[[ -n ${TESTS_ONLY:-} ]] || env "$switch=1" FASTW2V_LEVELS="${FASTW2V_LEVELS:-baseline}" \
    "$python" setup.py --quiet build_ext --inplace >build.log 2>&1 || { tail -n 40 build.log; exit 1; }
[[ -z ${BUILD_ONLY:-} ]] || exit 0

# The ThreadSanitizer of older compilers fails with randomized addresses.
fixed=()
if [[ $kind == thread ]] && setarch "$(uname -m)" --addr-no-randomize true 2>/dev/null; then
    fixed=(setarch "$(uname -m)" --addr-no-randomize)
fi
# Memory comes from malloc, which the sanitizer watches, and not from Python's own allocator.
watched() {
    env PYTHONPATH="$build" PYTHONMALLOC=malloc LD_PRELOAD="$preload" "${options[@]}" \
        "${fixed[@]}" "$python" "$@"
}
watched -c "
import fastw2v
assert fastw2v.__file__.startswith('$build'), fastw2v.__file__
print(fastw2v.build_info())"
# pytest captures stderr, so reports go to files (ThreadSanitizer writes one per process).
rm -f "$build"/report.*
status=0
watched -m pytest -q -p no:cacheprovider "${tests[@]}" || status=$?
cat "$build"/report.* 2>/dev/null || true
exit $status
