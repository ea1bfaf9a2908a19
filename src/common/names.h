/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Every well-known string and number that two parts have to agree on, once. */

/* D-Bus */
#define KS_BUS_NAME "org.killswitch1"
#define KS_OBJECT_PATH "/org/killswitch1"
#define KS_INTERFACE "org.killswitch1"
#define KS_ERROR_PREFIX "org.killswitch1.Error."

/* The helper that looks names up. */
#define KS_RESOLVER_NAME "org.killswitch1.Resolver"
#define KS_RESOLVER_PATH "/org/killswitch1/Resolver"
#define KS_RESOLVER_INTERFACE "org.killswitch1.Resolver"

/* polkit */
#define KS_ACTION_ENGAGE "org.killswitch1.engage"
#define KS_ACTION_RELEASE "org.killswitch1.release"
#define KS_ACTION_CONFIGURE "org.killswitch1.configure"

/* States, as they appear on the bus, on disk and in the user's terminal. */
#define KS_STATE_OFF "off"
#define KS_STATE_BLOCKING "blocking"
#define KS_STATE_PROTECTING "protecting"
#define KS_STATE_PAUSED "paused"

/* LAN access */
#define KS_LAN_NONE "none"
#define KS_LAN_PRIVATE "private"
#define KS_LAN_ALL "all"

/* The guard's condition, as GetState reports it. */
#define KS_GUARD_ACTIVE "active"
#define KS_GUARD_ABSENT "absent"
#define KS_GUARD_UNAVAILABLE "unavailable"

/* The layers, as the Repaired signal names them. */
#define KS_LAYER_STEERING "steering"
#define KS_LAYER_GUARD "guard"

/* How bad a finding of an audit is. */
#define KS_AUDIT_HOLE "hole"
#define KS_AUDIT_RISK "risk"
#define KS_AUDIT_NOTE "note"

/* Keys of GetState's details and of one entry of Vpns. */
#define KS_KEY_ENGAGED "Engaged"
#define KS_KEY_VPNS "Vpns"
#define KS_KEY_LAN "Lan"
#define KS_KEY_GUARD "Guard"
#define KS_KEY_SINCE "Since"
#define KS_KEY_DEADLINE "Deadline"
#define KS_KEY_REMAINING "Remaining"
#define KS_KEY_TRIAL "Trial"
#define KS_KEY_BLOCKED "Blocked"
#define KS_KEY_DEGRADED "Degraded"
#define KS_KEY_VERSION "Version"
#define KS_KEY_STATE "State"
#define KS_VPN_NAME "Name"
#define KS_VPN_INTERFACE "Interface"
#define KS_VPN_UP "Up"
#define KS_VPN_DEFAULT "Default"
#define KS_VPN_KIND "Kind"
#define KS_VPN_TRANSPORT "Transport"
#define KS_VPN_ADDRESSES "Addresses"
#define KS_VPN_SOURCE "Source"
#define KS_VPN_ORIGIN "Origin"
#define KS_VPN_SERVERS "Servers"

/* Keys of GetState's details about the record of what was refused, and of one row of it. */
#define KS_KEY_RECORDING "Recording"
#define KS_BLOCKED_COUNT "Count"
#define KS_BLOCKED_FIRST "First"
#define KS_BLOCKED_LAST "Last"
#define KS_BLOCKED_USER "User"
#define KS_BLOCKED_GROUP_PATH "Group"
#define KS_BLOCKED_PROTOCOL "Protocol"
#define KS_BLOCKED_ADDRESS "Address"
#define KS_BLOCKED_PORT "Port"

/* Where a VPN is known from, as Source tells it. */
#define KS_SOURCE_SETTINGS "settings"
#define KS_SOURCE_ADDED "added"
#define KS_SOURCE_WIREGUARD "wireguard"

/* Kernel objects. Table and first priority are defaults; the protocol is how
 * ours are recognised (rtm_protocol and FRA_PROTOCOL). */
#define KS_DEFAULT_TABLE 83
#define KS_DEFAULT_PRIORITY 100
#define KS_PROTOCOL 83
/* Put on the connections of transport that is recognised by its user, so that
 * answers, which have no user yet, pass rp_filter. */
#define KS_REPLY_MARK 0x6b730083
#define KS_GUARD_FAMILY "inet"
#define KS_GUARD_TABLE "killswitch"
/* Its third place (EgressGuard=), a table of the same name: nftables has no inet egress. */
#define KS_EGRESS_FAMILY "netdev"

/* Where the guard logs what it refused (RecordBlocked=): the group of nfnetlink_log, how much of
 * each packet, and how many in a second. */
#define KS_BLOCKED_GROUP 27507
#define KS_BLOCKED_SNAPLEN 128
#define KS_BLOCKED_RATE 20

/* Users of the system's own services, DHCP clients among them (login.defs: SYS_UID_MAX). */
#define KS_SYSTEM_UID_MAX 999

/* The shortest and the longest trial or pause, in microseconds. */
#define KS_DURATION_MIN_USEC (1ULL * 1000000ULL)
#define KS_DURATION_MAX_USEC (7ULL * 24ULL * 3600ULL * 1000000ULL)
#define KS_TRIAL_DEFAULT_USEC (60ULL * 1000000ULL)
