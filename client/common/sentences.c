/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sentences of the service, which speaks English, as templates to be recognised by. */

#include "client/common/sentences.h"

#include <stddef.h>

#include "client/common/i18n.h"

/* Whatever varies is %s here. The first one that fits counts: those that begin with their own
 * words come before those that begin with another's. */
const char *const ks_sentences[] = {
        /* Durations. */
        N_("The duration is empty; write for example 90s, 5m or 1h30m."),
        N_("The duration '%s' is too long to be counted."),
        N_("The duration '%s' is negative; it has to be above zero."),
        N_("The duration '%s' is zero; it has to be above zero."),
        N_("The duration %s is too short; it may last from %s to %s."),
        N_("The duration %s is too long; it may last from %s to %s."),
        N_("A number in '%s' has no unit; write for example 90s, 5m or 1h30m."),
        N_("'%s' is not a duration; write for example 90s, 5m or 1h30m."),
        N_("'%s' has no digits behind the point; write for example 90s, 5m or 1h30m."),
        N_("'%s' has an unknown unit; the units are ms, s, min, h, d and w."),

        /* What was asked for doesn't go. */
        N_("Engaged already; a trial would lower the kill switch when it ends. Release it first, "
           "or leave it as it is"),
        N_("A trial that ends later is running; release it first, or ask for a longer one"),
        N_("No trial is running; there is nothing to confirm"),
        N_("The kill switch is off; there is nothing to pause"),
        N_("A trial is running; confirm it or release it before a pause"),
        N_("The kill switch is off; there is nothing to resume"),
        N_("A duration of %s µs is not possible; it must be from one second to seven days"),
        N_("It was released while the names of VPN servers were looked up"),
        N_("Too many calls wait already for the names of VPN servers to be looked up; try again in "
           "ten seconds"),
        N_("Too many audits are waiting; ask again when they are answered"),
        N_("Too many calls are waiting; ask again when they are answered"),
        N_("Too many calls are waiting for authorization; answer those first"),
        N_("The bus doesn't tell whose call this is"),
        N_("No action is known for this method"),
        N_("polkit does not answer, so only root may do this: start polkit.service, or use sudo"),
        N_("Authentication is needed, and the call did not allow asking for it or nothing is there "
           "to ask"),
        N_("Refused by polkit's rules, or by the one who was asked"),

        /* VPNs that are added and removed. */
        N_("There is the VPN '%s' already, which was added with 'ksctl vpn add'; to change it, "
           "first say: ksctl vpn remove '%s'"),
        N_("There is the VPN '%s' already, which is from %s; change that section and say 'ksctl "
           "reload', or choose another"),
        N_("The interface %s belongs to the VPN '%s' already, which was added with 'ksctl vpn "
           "add'; to change it, first say: ksctl vpn remove '%s'"),
        N_("The interface %s belongs to the VPN '%s' already, which is from %s; change that "
           "section and say 'ksctl reload', or choose another"),
        N_("A VPN '%s' was added already, and isn't used because it doesn't go with the settings; "
           "'ksctl vpn remove' removes it"),
        N_("HostInterfaces= has the interface %s; take it out there and say 'ksctl reload', or "
           "choose another"),
        N_("%s VPNs have been added already; remove one, or put this one into a file"),
        N_("The VPN '%s' goes through '%s'; first say: ksctl vpn remove '%s'"),
        N_("The VPN '%s' is from %s; remove the section there, or mask a package's file by an "
           "empty one of the same name in /etc/killswitch/killswitch.conf.d, and say 'ksctl "
           "reload'"),
        N_("The VPN '%s' is a WireGuard link, which counts as a VPN by itself; delete the link, or "
           "set AutoWireGuard=no"),
        N_("There is no VPN '%s'; 'ksctl vpn list' shows all VPNs"),
        N_("options: a VPN takes no more than %s values and %s KiB; a larger one goes into a file, "
           "/etc/killswitch/killswitch.conf"),

        /* What the files hold; the file, the line and the key stand before these. */
        N_("lacks Interface="),
        N_("is given twice in this section"),
        N_("there is no such key in [Killswitch]; there are %s"),
        N_("there is no such key in a [VPN] section; there are %s"),
        N_("stands before any section; write [Killswitch] or [VPN name] above it"),
        N_("the section '%s' lacks its ']'"),
        N_("there is no section [%s]; sections are [Killswitch] and [VPN name]"),
        N_("the name of a VPN has 1 to %s letters, digits, spaces and -_.@+"),
        N_("the name of the VPN begins or ends with a blank"),
        N_("more than %s VPNs"),
        N_("more than %s endpoints"),
        N_("more than %s networks"),
        N_("more than %s prefixes"),
        N_("more than %s interfaces"),
        N_("the line is not UTF-8 text"),
        N_("can't be read: %s"),
        N_("is larger than 1 MiB"),
        N_("holds a NUL byte; it must be text"),
        N_("has a line break or another control character in it; leave it out"),
        N_("253 to 255 are the kernel's own tables; take a free one"),
        N_("there is no user '%s'"),
        N_("'%s' is neither a [section] nor KEY=VALUE"),
        N_("'%s' is not a number from 1 to 65535"),
        N_("'%s' is not a number from %s to %s"),
        N_("'%s' is neither yes nor no"),
        N_("'%s' is none of private, none, all"),
        N_("'%s' is none of unreachable, blackhole, prohibit"),
        N_("'%s' is neither require nor optional"),
        N_("'%s' is none of udp, tcp, esp or a protocol number"),
        N_("'%s' can't be the name of an interface: 1 to 15 letters, digits and -_.@+, and not "
           "'lo'"),
        N_("'%s' can't be the name of a VPN"),
        N_("'%s' is no kind of link; 'ip -d link' shows it"),
        N_("'%s' is no kind of link"),
        N_("'%s' is not the name of a unit that can run: NAME.service, NAME@INSTANCE.service or "
           "NAME.slice"),
        N_("in %s are everybody's programs; name the VPN's own"),
        N_("'%s' is not a single address"),
        N_("'%s' is longer than 253 characters, which no name is"),
        N_("'%s' has more than 63 characters between two dots, which no name has"),
        N_("'%s' is neither an address nor a name: letters, digits and hyphens between dots"),
        N_("'%s' is not a whole name; write it with its domain, as in vpn.example.org"),
        N_("'%s' is neither an address nor a name, which doesn't end in a number"),
        N_("[VPN %s] '%s' can't be used: %s"),
        N_("has the mark that [VPN %s] in %s has already, so that one's packets would be taken for "
           "the other's; give each a mark of its own"),
        N_("has the address of a server that [VPN %s] in %s reaches another way: Through= holds "
           "for all that goes to an address"),
        N_("has %s, which [VPN %s] in %s claims already; a network belongs to one VPN"),
        N_("has the type '%s'; give a string (s), several (as), a number (u) or a boolean (b)"),
        N_("'%s' is not an IPv4 or IPv6 address"),
        N_("'%s' is not a prefix length of %s"),
        N_("'%s' is not ADDRESS:PORT, [IPV6]:PORT, an address or NAME:PORT"),
        N_("for all traffic write Default=yes instead of %s"),
        N_("'none' stands alone; leave it out, or all else"),
        N_("is about servers that Endpoint= gives by name, and there is none"),
        N_("the protocol has no ports"),
        N_("names a server without its port; write NAME:PORT"),
        N_("alone can't be told apart when the kernel looks a packet's way up; add Endpoint= or "
           "SourcePort=, or User= if it runs as a user of its own"),
        N_("with Unit= alone, more than 256 ports would stop too much of what the system itself "
           "sends; name fewer, or add Endpoint="),
        N_("with User=root alone, more than 256 ports would let too much of what root sends pass; "
           "name fewer, or add Endpoint="),
        N_("an address, a port or a protocol alone is too weak: any program could use it to get "
           "out; add Mark=, User= or Unit="),
        N_("says nothing about how the VPN's own packets are recognised; add Mark=, or User= or "
           "Unit= with Endpoint= or SourcePort="),
        N_("everything that root sends would pass; add SourcePort= or Endpoint="),
        N_("gives a server by name, and with Through= it has to be an address"),
        N_("needs Endpoint=, the server that is reached through the other VPN"),
        N_("has the interface %s, which [VPN %s] in %s has already; give each VPN an interface of "
           "its own"),
        N_("names an interface that HostInterfaces= has too"),
        N_("brings the sections together above 1024 combinations of protocol and endpoint (a name "
           "counts as 16 addresses); give Protocol=, or name fewer"),
        N_("has the mark that the kill switch itself gives to transport; choose another"),
        N_("names a VPN that was added with 'ksctl vpn add', and a section goes through another "
           "section only; write one, [VPN %s]"),
        N_("leads in a circle; in the end a VPN has to go by the uplink"),
        N_("goes through a VPN that has no section; write [VPN %s], for a WireGuard link of the "
           "kernel with Interface= and Kind=wireguard"),

        /* Names of servers. */
        N_("The VPN %s can't reach its server %s, whose address is not known: %s. 'ksctl off' and "
           "'ksctl on' look it up again"),
        N_("The server %s of the VPN %s was looked up, and %s; what it had before is kept"),
        N_("what is known of old is refused"),
        N_("it was never looked up"),
        N_("it has no address"),
        N_("its address is not known"),
        N_("DNS gave no answer in time"),
        N_("killswitch-resolve gave an answer that makes no sense"),
        N_("killswitch-resolve can't be called: %s"),
        N_("its address %s is this host's own, a multicast address or none at all"),
        N_("its address %s is not in EndpointRange="),
        N_("its address %s is one of a LAN; if the server really is there, say so with "
           "EndpointRange="),
        N_("its address %s is inside a VPN; if the server really is there, say so with "
           "EndpointRange="),
        N_("The addresses that VPN servers had can't be read from the state directory (%s); they "
           "are asked for anew"),

        /* What is wrong while it runs. */
        N_("The unit %s does not run, or there is none of that name; the VPN %s can't reach its "
           "server until it does."),
        N_("The interface %s is of kind '%s', not what the VPN %s should be; nothing is sent "
           "through it. If it is the VPN, set Kind= in its section, or add it again with Kind=."),
        N_("WireGuard link %s has neither a mark nor an endpoint yet, so it can't reach its "
           "server; set one with 'wg set', then run 'ksctl reload'."),
        N_("The WireGuard link \"%s\" is not used, because its name has more than letters, digits "
           "and -_.@+; rename it"),
        N_("EgressGuard= does not hold on the interface \"%s\": its name has more than letters, "
           "digits and -_.@+; rename it"),
        N_("EgressGuard= does not hold on the interface \"%s\": it is neither Ethernet nor a link "
           "for plain IP packets"),
        N_("HostInterfaces= names %s, but the host's default route goes over it: it leads out and "
           "is treated like any uplink. Take it out of HostInterfaces=."),
        N_("Routing table %s holds %s route of somebody else: %s. Take them out ('ip route show "
           "table %s'), or choose another table with Table= in killswitch.conf."),
        N_("Routing table %s holds %s routes of somebody else: %s. Take them out ('ip route show "
           "table %s'), or choose another table with Table= in killswitch.conf."),
        N_("The kernel's routing rules do not stay as they are written: another program keeps "
           "changing them"),
        N_("The kernel's rules do not go away: another program keeps adding them"),
        N_("The kernel refused to %s: %s"),
        N_("The kernel offers no nftables (%s). Load the module nf_tables, or set Guard=optional "
           "to do with routing rules alone, which is weaker."),
        N_("The guard is gone as soon as it is put in place: another program deletes it"),
        N_("EgressGuard=yes has no effect, because this kernel can't filter what leaves by an "
           "interface (%s). It takes Linux 5.16 with CONFIG_NETFILTER_EGRESS. Packet sockets, "
           "macvlan and bridged guests are not stopped"),
        N_("RecordBlocked=yes has no effect, because this kernel can't log packets from nftables "
           "(%s). It takes CONFIG_NFT_LOG and CONFIG_NFT_LIMIT"),
        N_("RecordBlocked=yes has no effect, because the kernel's log of packets can't be read "
           "(%s). It takes CONFIG_NETFILTER_NETLINK_LOG, and no other program that listens to log "
           "group %s; then say 'ksctl reload'"),
        N_("Answers to the VPN's own packets may be dropped by rp_filter, because "
           "net.ipv4.conf.all.src_valid_mark is 0 and can't be set (%s). Run 'sysctl -w "
           "net.ipv4.conf.all.src_valid_mark=1'"),
        N_("What was last asked for can't be read from %s (%s), which counts as engaged. 'ksctl "
           "on' or 'ksctl off' writes it anew."),
        N_("The VPNs that were added can't be read (%s); the copy beside it is used. 'ksctl vpn "
           "add' or 'ksctl vpn remove' writes them anew."),
        N_("The VPNs that were added can't be read (%s); none of them is used. 'ksctl vpn add' or "
           "'ksctl vpn remove' writes them anew."),
        N_("More routing rules of other programs lead out; 'ksctl audit' shows them"),
        N_("it was written by another version of this service"),
        N_("it is damaged, or of another version"),
        N_("its checksum is wrong"),
        N_("it is damaged"),
        N_("nftables refused the table %s: %s. If 'nft list tables' shows that another program has "
           "made a table of that name, stop that program; or set Guard=optional to do with routing "
           "rules alone, which is weaker"),
        N_("EgressGuard=yes could not be put in force: %s. Packet sockets, macvlan and bridged "
           "guests may not be stopped. If 'nft list tables' shows a table %s of another program, "
           "stop that program"),
        N_("Can't read the network interfaces from the kernel: %s"),
        N_("Can't read the open connections from the kernel: %s"),
        N_("Can't read the %s from the kernel: %s"),
        N_("Can't subscribe to the kernel's network events: %s"),
        N_("Can't open a netlink socket: %s"),
        N_("Can't send to the kernel: %s"),
        N_("Can't ask the kernel about sockets: %s"),
        N_("Can't ask the kernel about WireGuard: %s"),
        N_("No answer from the kernel: %s"),

        /* Repairs. */
        N_("had to add %s rules and %s routes, to delete %s rules and %s routes: %s, …"),
        N_("had to %s"),
        N_("the nftables table %s had been deleted"),
        N_("the nftables table %s had been changed"),

        /* Audits. */
        N_("The kill switch is off: traffic leaves this machine directly. 'ksctl on' engages it"),
        N_("The kill switch is paused: traffic leaves this machine directly. 'ksctl resume' "
           "engages it now"),
        N_("None of the kill switch's routing rules for %s is in the kernel. 'ksctl reload' puts "
           "them there; 'journalctl -u killswitchd' says why they are not"),
        N_("None of the kill switch's routing rules for %s is in the kernel; the guard alone "
           "holds. 'ksctl reload' puts them there; 'journalctl -u killswitchd' says why they are "
           "not"),
        N_("The kill switch's rules and routes are not as they should be: %s. 'ksctl reload' puts "
           "them in place; 'journalctl -u killswitchd' says why they are not"),
        N_("to mend it, one would have to %s, and more"),
        N_("to mend it, one would have to %s"),
        N_("The guard, which is the nftables table %s, does not work. Without it every program "
           "that binds to an interface gets out, past all routing rules. %s. When that is mended: "
           "'ksctl reload'"),
        N_("It is not there, or not as it was put in place"),
        N_("The VPN %s on %s is up, but no socket of this machine is as its section says (%s), so "
           "its own packets can't get out. Compare 'ss -uatnpe' and 'wg show %s' with the section "
           "[VPN %s], mend it, then 'ksctl reload'"),
        N_("The %s link %s stands on %s, which leads outside. What a container or virtual machine "
           "sends by it passes by both layers. 'EgressGuard=yes' stops it; or 'ip link delete %s'; "
           "for guests use a bridge of their own and HostInterfaces="),
        N_("The bridge %s leads outside and has ports that look like guests': %s. What virtual "
           "machines or containers send by them passes by both layers. 'EgressGuard=yes' stops it; "
           "or give them a bridge of their own and HostInterfaces=, or take them off: 'ip link set "
           "%s nomaster'"),
        N_("%s counts as a link to this host's own guests (HostInterfaces=), but leads outside: "
           "programs that bind to it get out. Take it out of HostInterfaces= in killswitch.conf, "
           "then 'ksctl reload'"),
        N_("rp_filter drops the answers to the VPN's own packets that come in by %s (mode %s), "
           "because marks do not count there; the VPN can't connect. 'sysctl -w "
           "net.ipv4.conf.all.src_valid_mark=1'"),
        N_("The route '%s', which another program has put there,"),
        N_("The kill switch's own routing rule '%s'"),
        N_("The routing rule '%s', which another program has put before the kill switch's,"),
        N_("What stands in the routing tables"),
        N_("'%s', until it is gone: what the kernel takes for it first comes back behind it"),
        N_("rule %s (%s)"),
        N_("route %s in table %s (%s)"),
        N_("routing (%s)"),

        /* A section, before what is wrong with it. */
        N_("[VPN %s] %s"),

        /* Ways out, which begin with one of those above. */
        N_("%s leads out by %s: %s, say; the guard stops it. Remedy: %s"),
        N_("%s leads out by %s: %s, say; it would do so when engaged, and only the guard would "
           "stop it. Remedy: %s"),
        N_("%s leads out by %s: %s, say; nothing stops it. Remedy: %s"),
        N_("%s leads out by %s: %s, say (it has a condition that is not known here, so this is not "
           "certain); the guard stops it. Remedy: %s"),
        N_("%s leads out by %s: %s, say (it has a condition that is not known here, so this is not "
           "certain); it would do so when engaged, and only the guard would stop it. Remedy: %s"),
        N_("%s leads out by %s: %s, say (it has a condition that is not known here, so this is not "
           "certain); nothing stops it. Remedy: %s"),

        /* Which have another before them. */
        N_("%s has a section [VPN %s], too; remove one of them ('ksctl vpn remove' removes the "
           "added one)"),
        N_("%s has multicast groups in it; those that a LAN needs are allowed already"),
        N_("%s is too much of the Internet to be a LAN; name a network of length %s or longer"),
        N_("%s is public: packets to it would leave without the VPN. If it really is a LAN, write "
           "public:%s"),
        N_("%s is no text, or too large"),
        N_("%s. The kill switch stays as it is, since it would come back after a restart; "
           "'killswitchd --rescue' as root lets go until the next boot"),
        N_("%s; it is not used"),
        NULL,
};
