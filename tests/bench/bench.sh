# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the benchmarks: builds what is measured and runs a script of this directory on it.

TREE=$(cd "$(dirname "$0")/../.." && pwd) || exit 2
. "$TREE/tests/lib/bootstrap.sh"

run_bench() {
        cd "$TREE" || exit 2
        need_root
        install_packages || { say "$0: the packages could not be installed"; exit 1; }
        KS_BUILD_DIR=${KS_BUILD_DIR:-$TREE/build}
        build_tree "$KS_BUILD_DIR"
        export KS_BUILD_DIR PYTHONDONTWRITEBYTECODE=1
        in_namespaces /usr/bin/python3 "$TREE/tests/bench/$1"
}
