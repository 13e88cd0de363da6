#!/usr/bin/env bash
# Measure the lines that the tests run.
#   tools/coverage.sh python  [pytest arguments]   lines of the package, by all tests
#   tools/coverage.sh kernels [pytest arguments]   lines of the kernels, by their tests
# PYTHON names the interpreter. It needs the packages of the extra `test` and coverage>=7.10, and
# for the kernels also Cython and setuptools. The kernels are built outside the source tree with line
# tracing, at the baseline and for one thread, because each traced line takes the interpreter's lock.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind=${1:-python}
shift || true
python=$(command -v "${PYTHON:-python}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case $kind in
python)
    settings='source = fastw2v
patch = subprocess
parallel = true'
    least=95
    ;;
kernels)
    settings='plugins = kernel_lines
include = src_pyx/*'
    least=85
    export PYTHONPATH=$work:$work/tools
    tar --exclude='*.so' --create --file=- \
        ./setup.py ./pyproject.toml ./README.md ./LICENSE ./fastw2v ./src_pyx ./tests ./tools |
        tar --extract --file=- --directory="$work"
    cd "$work"
    FASTW2V_TRACE=1 FASTW2V_OPENMP=0 FASTW2V_LEVELS=baseline \
        "$python" setup.py --quiet build_ext --inplace >build.log 2>&1 || { tail -n 40 build.log; exit 1; }
    cp build/temp*/c/src_pyx/*.c src_pyx
    # With tracing, these tests take a quarter of an hour, and other tests run the same lines.
    (($#)) || set -- tests/kernels -k "not do_not_diverge"
    ;;
*)
    echo "coverage.sh: expected python or kernels, got $kind" >&2
    exit 2
    ;;
esac
cat >"$work/settings" <<END
[run]
data_file = $work/lines
$settings
[report]
show_missing = true
fail_under = $least
exclude_also =
    if TYPE_CHECKING:
END
coverage() { "$python" -m coverage "$1" --rcfile="$work/settings" "${@:2}"; }

status=0
coverage run -m pytest -q -p no:cacheprovider "$@" || status=$?
[[ $kind != python ]] || coverage combine --quiet
coverage report || status=$?
exit $status
