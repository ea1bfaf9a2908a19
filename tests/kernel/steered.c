/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A namespace with an uplink and a VPN for the tests of the enforcer. */

#include "tests/kernel/steered.h"

#include <poll.h>
#include <unistd.h>

#include "common/cleanup.h"

static void connect_vpn(Steered *steered)
{
        steered->tun = open_tun("tun0");
        run("ip link set tun0 up\nip addr add 10.8.0.2/24 dev tun0\n"
            "ip addr add fd08::2/64 dev tun0");
}

/* Those of IPv6 and their routes come when the kernel sees to the carrier: two of ours, one of its
 * own for each link, and the loopback's. */
static void wait_for_addresses(void)
{
        run("until [ $(ip -6 route show table local | grep -c ^local) = 6 ]; do :; done");
}

void steered_set_up(Steered *steered, gconstpointer data)
{
        (void)data;
        netns_fresh();
        run("ip link add eth0 type veth peer name far0\n"
            "ip link set eth0 up\nip link set far0 up\n"
            "ip addr add 192.168.1.2/24 dev eth0\nip addr add fd01::2/64 dev eth0\n"
            "ip route add default via 192.168.1.1\nip -6 route add default via fd01::1");
        connect_vpn(steered);
        wait_for_addresses();
        steered->settings = ks_settings_new();
        g_ptr_array_add(steered->settings->vpns, ks_vpn_new("a", "tun0"));
        ((KsVpn *)g_ptr_array_index(steered->settings->vpns, 0))->default4 = TRUE;
        ((KsVpn *)g_ptr_array_index(steered->settings->vpns, 0))->default6 = TRUE;
        vpn_add_mark(g_ptr_array_index(steered->settings->vpns, 0), IPPROTO_UDP, 1);
        steered->rtnl = rtnl_new();
        steered->enforcer = NULL;
        steered->monitor = NULL;
        new_enforcer(steered);
}

void steered_tear_down(Steered *steered, gconstpointer data)
{
        (void)data;
        ks_monitor_free(steered->monitor);
        ks_enforcer_free(steered->enforcer);
        ks_settings_free(steered->settings);
        ks_rtnl_free(steered->rtnl);
        ks_close(steered->tun);
}

void new_enforcer(Steered *steered)
{
        g_autoptr(GError) error = NULL;

        ks_enforcer_free(steered->enforcer);
        steered->enforcer = ks_enforcer_new(&error);
        g_assert_no_error(error);
}

void raise_with(Steered *steered, gboolean links_changed, KsRepair *repair)
{
        g_autoptr(GError) error = NULL;
        KsPlan *plan = ks_enforcer_plan(steered->enforcer, steered->settings,
                                        steered->settings->lan, NULL, &error);

        g_assert_no_error(error);
        ks_enforcer_raise(steered->enforcer, steered->settings, plan, links_changed, repair,
                          &error);
        g_assert_no_error(error);
}

void raise_now(Steered *steered)
{
        raise_with(steered, FALSE, NULL);
}

void raise_quietly(Steered *steered)
{
        g_auto(KsRepair) repair = { 0 };

        raise_with(steered, FALSE, &repair);
        g_assert_cmpstr(repair.steering, ==, NULL);
        g_assert_cmpstr(repair.guard, ==, NULL);
}

void lower(Steered *steered)
{
        g_autoptr(GError) error = NULL;
        KsSteering there;

        ks_enforcer_lower(steered->enforcer, &error);
        g_assert_no_error(error);
        there = read_steering(steered->rtnl);
        g_assert_cmpuint(there.rules->len, ==, 0);
        g_assert_cmpuint(there.routes->len, ==, 0);
        g_assert_false(succeeds("nft list table inet killswitch"));
        steering_free(&there);
}

void drop_vpn(Steered *steered)
{
        steered->tun = ks_close(steered->tun);
}

void flap(Steered *steered)
{
        if (steered->tun >= 0)
                drop_vpn(steered);
        else
                connect_vpn(steered);
}

void assert_in_place(Steered *steered)
{
        const KsPlan *plan = ks_enforcer_present_plan(steered->enforcer);
        KsSteering there = read_steering(steered->rtnl);

        g_assert_nonnull(plan);
        assert_same_rules(there.rules, plan->rules);
        assert_same_routes(there.routes, plan->routes);
        g_assert_true(ks_enforcer_guard_is_intact(steered->enforcer));
        steering_free(&there);
}

void watch(Steered *steered)
{
        g_autoptr(GError) error = NULL;

        steered->monitor = ks_monitor_new(0, &error);
        g_assert_no_error(error);
        ks_monitor_set_table(steered->monitor, steered->settings->table);
}

guint seen(Steered *steered)
{
        struct pollfd fd = { .fd = ks_monitor_route_fd(steered->monitor), .events = POLLIN };
        guint changes = 0;

        /* Whatever happened before this address is told before it. */
        run("ip addr add 10.7.7.7/32 dev lo\nip addr del 10.7.7.7/32 dev lo");
        while (!(changes & KS_CHANGE_LINKS)) {
                g_assert_cmpint(poll(&fd, 1, 20000), ==, 1);
                changes |= ks_monitor_drain(steered->monitor);
        }
        return changes;
}
