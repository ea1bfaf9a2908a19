# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by tests/run and tests/demo: packages, build, and the namespaces that everything runs in.

say() { printf '%s\n' "$*" >&2; }

need_root() {
        [ "$(id -u)" = 0 ] && return
        say "$0: namespaces, overlays and users need root: sudo $0"
        exit 2
}

# Installs by name what is missing, and calls apt-get only then.
install_packages() {
        missing=
        for package in $(sed 's/#.*//' "$TREE/tests/lib/packages"); do
                status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
                [ "$status" = installed ] || missing="$missing $package"
        done
        [ -n "$missing" ] || return 0
        say "installing:$missing"
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        # shellcheck disable=SC2086
        apt-get -qq -y --no-install-recommends install $missing >/dev/null
}

# Builds into the directory $1; further arguments are Meson options.
build_tree() {
        dir=$1
        shift
        [ "${CI:-}" = true ] && set -- "$@" -Dwerror=true
        set -- -Dtest_switches=true --prefix=/usr --sysconfdir=/etc --libexecdir=libexec --localstatedir=/var "$@"
        mkdir -p "$dir"
        exec 9>"$dir/tests-lock"
        flock 9
        if [ -f "$dir/build.ninja" ]; then
                grep -qxF -- "$*" "$dir/tests-options" 2>/dev/null ||
                        meson setup --reconfigure "$dir" "$TREE" "$@" >"$dir/setup.log" 2>&1 ||
                        { cat "$dir/setup.log" >&2; exit 1; }
        else
                meson setup "$dir" "$TREE" "$@" >"$dir/setup.log" 2>&1 ||
                        { cat "$dir/setup.log" >&2; exit 1; }
        fi
        printf '%s\n' "$*" >"$dir/tests-options"
        ninja --quiet -C "$dir" >"$dir/build.log" 2>&1 || { cat "$dir/build.log" >&2; exit 1; }
        grep -q 'warning:' "$dir/build.log" && cat "$dir/build.log" >&2
        exec 9>&-
}

# Runs a command where nothing that it does to mounts, network or processes
# stays; all of it dies with this shell.
in_namespaces() {
        KS_OUTSIDE=$(readlink /proc/self/ns/mnt)
        export KS_OUTSIDE
        setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc \
                --propagation private /bin/sh -c '"$@"; exit $?' sh "$@"
}
