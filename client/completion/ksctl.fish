# ksctl(1) completion
# SPDX-License-Identifier: GPL-2.0-or-later

# The words of the command line that are no options, before the one that is typed; or whether it is
# another machine's service that is talked to.
function __ksctl_arguments
    set -l words (commandline -opc)
    set -l skip 1
    set -l options yes
    for word in $words
        if test $skip = 1
            set skip 0
        else if test $options = no
            printf '%s\n' $word
        else
            switch $word
                case --
                    set options no
                case -H -M -p --host --machine --property --json --interface
                    set skip 1
                case '-*'
                case '*'
                    printf '%s\n' $word
            end
        end
    end
end

# Whether the words are these, and how many more there may be: __ksctl_at 1 vpn show
function __ksctl_at
    set -l arguments (__ksctl_arguments)
    set -l more $argv[1]
    set -e argv[1]
    test (count $arguments) -ge (count $argv)
    and test (count $arguments) -lt (math (count $argv) + $more)
    or return 1
    for i in (seq (count $argv))
        contains -- $arguments[$i] (string split / $argv[$i])
        or return 1
    end
end

# Whether the verb is this one, or there is none yet.
function __ksctl_verb
    set -l arguments (__ksctl_arguments)
    test (count $arguments) = 0
    or test $arguments[1] = $argv[1]
end

# Names that ksctl knows or gets told by the service of this machine, if it runs.
function __ksctl_names
    set -l words (commandline -opc)
    contains -- $argv[1] links machines
    or not string match -qr -- '^(-[HM]|--host|--machine)' $words
    and command ksctl __complete $argv[1] 2>/dev/null
end

# Several may be given with commas between them.
function __ksctl_properties
    set -l before (commandline -ct | string replace -r '^--property=|^-p' '' | string match -r '^.*,')
    for name in (__ksctl_names properties)
        printf '%s\n' "$before$name"
    end
end

# KEY=VALUE
function __ksctl_keys
    for key in Interface Kind Mark User Protocol SourcePort Unit Endpoint EndpointRange Through Gateway Prefixes \
            Metric Default
        printf '%s=\n' $key
    end
    for name in (__ksctl_names links)
        printf 'Interface=%s\n' $name
    end
    printf 'Kind=%s\n' wireguard tun ppp xfrm
    printf 'Protocol=%s\n' udp tcp esp
    printf 'Default=%s\n' yes no
    for name in (__ksctl_names vpns)
        printf 'Through=%s\n' $name
    end
    for name in (__fish_print_users)
        printf 'User=%s\n' $name
    end
end

complete -c ksctl -f

complete -c ksctl -n '__ksctl_at 1' -a status -d 'Show what is in force'
complete -c ksctl -n '__ksctl_at 1' -a on -d 'Engage: nothing leaves except through a VPN'
complete -c ksctl -n '__ksctl_at 1' -a confirm -d 'Keep it engaged after the trial'
complete -c ksctl -n '__ksctl_at 1' -a off -d 'Release: traffic leaves as without a kill switch'
complete -c ksctl -n '__ksctl_at 1' -a pause -d 'Let go for a while, then engage again'
complete -c ksctl -n '__ksctl_at 1' -a resume -d 'End a pause'
complete -c ksctl -n '__ksctl_at 1' -a lan -d 'Show or set which LAN addresses can be reached directly'
complete -c ksctl -n '__ksctl_at 1' -a vpn -d 'Show VPNs, add or remove one'
complete -c ksctl -n '__ksctl_at 1' -a show -d 'Show the state as properties'
complete -c ksctl -n '__ksctl_at 1' -a is-active -d 'Tell whether it is engaged and not paused'
complete -c ksctl -n '__ksctl_at 1' -a monitor -d 'Show what happens, as it happens'
complete -c ksctl -n '__ksctl_at 1' -a audit -d 'Look for ways past the kill switch, and say what to do'
complete -c ksctl -n '__ksctl_at 1' -a blocked -d 'Show the last destinations that were refused'
complete -c ksctl -n '__ksctl_at 1' -a reload -d 'Read the configuration files again'
complete -c ksctl -n '__ksctl_at 1' -a help -d 'Show a summary'

complete -c ksctl -n '__ksctl_at 99 pause' -a '30s 5m 15m 1h' -d Duration
complete -c ksctl -n '__ksctl_at 1 lan' -a 'private none all' -d 'LAN addresses'
complete -c ksctl -n '__ksctl_at 1 vpn' -a list -d 'Show all VPNs'
complete -c ksctl -n '__ksctl_at 1 vpn' -a show -d 'Show one of them'
complete -c ksctl -n '__ksctl_at 1 vpn' -a add -d 'Look at a VPN that is up, ask, add it; or by keys'
complete -c ksctl -n '__ksctl_at 1 vpn' -a remove -d 'Remove one that was added'
complete -c ksctl -n '__ksctl_at 1 vpn' -a help -d 'Show the verbs and keys'
complete -c ksctl -n '__ksctl_at 1 vpn show' -a '(__ksctl_names vpns)' -d VPN
complete -c ksctl -n '__ksctl_at 1 vpn remove' -a '(__ksctl_names added)' -d VPN
# A VPN is named after its link unless it is given a name.
complete -c ksctl -n '__ksctl_at 1 vpn add' -a '(__ksctl_names links)' -d Interface
complete -c ksctl -n '__ksctl_at 99 vpn add; and not __ksctl_at 1 vpn add' -a '(__ksctl_keys)'

complete -c ksctl -s h -l help -d 'Show a summary'
complete -c ksctl -l version -d 'Show the version'
complete -c ksctl -l json -x -a 'pretty short off' -d 'Print JSON'
complete -c ksctl -s j -d 'Print JSON, pretty on a terminal'
complete -c ksctl -s q -l quiet -d 'Print no result'
complete -c ksctl -l no-ask-password -d 'Fail where a password would be asked for'
complete -c ksctl -l no-legend -d 'Print no hints what to do next'
complete -c ksctl -l no-pager -d 'Accepted; no pager is ever used'
complete -c ksctl -s H -l host -x -a '(__fish_complete_user_at_hosts)' -d 'Talk to another host, by ssh'
complete -c ksctl -s M -l machine -x -a '(__ksctl_names machines)' -d 'Talk to a local container'
complete -c ksctl -n '__ksctl_verb on' -l trial -f -a '30s 1min 2min 5min' -d 'Let go again unless confirmed in time'
complete -c ksctl -n '__ksctl_verb show' -s p -l property -x -a '(__ksctl_properties)' -d 'Only this property'
complete -c ksctl -n '__ksctl_verb show' -l value -d 'Print the value only'
complete -c ksctl -n '__ksctl_verb vpn' -l interface -x -a '(__ksctl_names links)' -d 'Which link to look at'
complete -c ksctl -n '__ksctl_verb vpn' -l yes -d "Don't ask whether it is right"
complete -c ksctl -n '__ksctl_verb vpn' -l dry-run -d 'Only print what would be added'
