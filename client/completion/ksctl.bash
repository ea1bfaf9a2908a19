# ksctl(1) completion                                            -*- shell-script -*-
# SPDX-License-Identifier: GPL-2.0-or-later

# Offers the lines of the standard input that go on where $cur ends, each behind the text $1.
# They are other people's text: quoted as the word was begun, never expanded.
__ksctl_offer() {
    local stem=$1 line word kept= breaks= c
    for c in = : @; do
        [[ $COMP_WORDBREAKS == *"$c"* ]] && breaks+=$c
    done
    # Of an unquoted word readline replaces only what is behind the last of these.
    case $cur in
        [\'\"]*) kept=${cur:0:1} ;;
        *) [[ $breaks && $cur == *[$breaks]* ]] && kept=${cur%"${cur##*[$breaks]}"} ;;
    esac
    while IFS= read -r line; do
        case $cur in
            \'*) word="'$stem${line//\'/\'\\\'\'}" ;;
            \"*)
                # History would be looked up in there.
                [[ $line == *!* ]] && continue
                word=${line//\\/\\\\} word=${word//\"/\\\"} word=${word//\$/\\\$} word=\"$stem${word//\`/\\\`} ;;
            *) printf -v word '%s%q' "$stem" "$line" ;;
        esac
        [[ $line && $word == "$cur"* ]] && COMPREPLY+=("${word#"$kept"}")
    done
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
}

# The words that are fixed.
__ksctl_words() {
    local stem=$1
    shift
    __ksctl_offer "$stem" < <(printf '%s\n' "$@")
}

# Names that ksctl knows or gets told by the service of this machine, if it runs.
__ksctl_names() {
    [[ $away ]] || __ksctl_offer "$1" < <(ksctl __complete "$2" 2>/dev/null)
}

__ksctl_hosts() {
    local whole=$cur hosts
    cur=${cur#"$1"} cur=${cur##*@}
    _known_hosts_real -- "$cur"
    hosts=("${COMPREPLY[@]}") COMPREPLY=()
    local stem=${whole%"$cur"}
    cur=$whole
    [[ ${#hosts[@]} -eq 0 ]] || __ksctl_words "$stem" "${hosts[@]}"
}

# The value of the option or the key $1, behind the text $2. Returns: 1 when there is none.
__ksctl_value() {
    local stem=$2
    case $1 in
        --json) __ksctl_words "$stem" pretty short off ;;
        --trial) __ksctl_words "$stem" 30s 1min 2min 5min ;;
        --host | -H) __ksctl_hosts "$stem" ;;
        --machine | -M) away= __ksctl_names "$stem" machines ;;
        --property | -p)
            # Several may be given with commas between them.
            [[ $cur == "$stem"*,* ]] && stem=${cur%,*},
            __ksctl_names "$stem" properties ;;
        --interface | Interface) away= __ksctl_names "$stem" links ;;
        Kind) __ksctl_words "$stem" wireguard tun ppp xfrm ;;
        Protocol) __ksctl_words "$stem" udp tcp esp ;;
        Default) __ksctl_words "$stem" yes no ;;
        Through) __ksctl_names "$stem" vpns ;;
        User) __ksctl_offer "$stem" < <(compgen -u) ;;
        *) return 1 ;;
    esac
    return 0
}

# The options that go with the verb.
__ksctl_options() {
    local options=(-h --help --version --json= -j -q --quiet --no-ask-password --no-legend --no-pager
        -H --host= -M --machine=)
    [[ $1 == on || ! $1 ]] && options+=(--trial --trial=)
    [[ $1 == show || ! $1 ]] && options+=(-p --property= --value)
    [[ $1 == vpn || ! $1 ]] && options+=(--interface= --yes --dry-run)
    __ksctl_words '' "${options[@]}"
}

# What follows 'ksctl vpn'; the rest are the words behind it.
__ksctl_vpn() {
    case $# in
        0) __ksctl_words '' list show add remove help ;;
        1)
            case $1 in
                show) __ksctl_names '' vpns ;;
                remove) __ksctl_names '' added ;;
                # A VPN is named after its link unless it is given a name.
                add) away= __ksctl_names '' links ;;
            esac ;;
        *)
            [[ $1 == add ]] || return
            if [[ $cur == *=* ]]; then
                __ksctl_value "${cur%%=*}" "${cur%%=*}="
            else
                __ksctl_words '' Interface= Kind= Mark= User= Protocol= SourcePort= Unit= Endpoint= \
                    EndpointRange= Through= Gateway= Prefixes= Metric= Default=
            fi ;;
    esac
}

_ksctl() {
    local cur prev words cword away= i
    local arguments=() is_option=yes
    COMPREPLY=()
    _get_comp_words_by_ref -n =:@ cur prev words cword

    for ((i = 1; i < cword; i++)); do
        case $is_option${words[i]} in
            yes--) is_option= ;;
            yes-[HM] | yes--host | yes--machine) away=yes ;;&
            yes-[HMp] | yes--host | yes--machine | yes--property | yes--json | yes--interface)
                if ((++i == cword)); then
                    __ksctl_value "$prev" ''
                    return
                fi ;;
            yes-[HM]?* | yes--host=* | yes--machine=*) away=yes ;;
            yes-*) ;;
            *) arguments+=("${words[i]}") ;;
        esac
    done

    if [[ $is_option && $cur == --*=* ]]; then
        __ksctl_value "${cur%%=*}" "${cur%%=*}="
    elif [[ $is_option && $cur == -* ]]; then
        __ksctl_options "${arguments[0]}"
    else
        case ${arguments[0]} in
            '') __ksctl_words '' status on confirm off pause resume lan vpn show is-active monitor audit \
                blocked reload help ;;
            pause) __ksctl_words '' 30s 5m 15m 1h ;;
            lan) ((${#arguments[@]} > 1)) || __ksctl_words '' private none all ;;
            vpn) __ksctl_vpn "${arguments[@]:1}" ;;
        esac
    fi
}

complete -F _ksctl ksctl
