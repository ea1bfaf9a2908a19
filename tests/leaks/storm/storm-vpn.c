/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A VPN that comes and goes as fast as the kernel lets it.
 *
 * Holds the tun link whose name and addresses are its arguments (NAME IPV4 IPV6), and looks at what
 * is sent into it. Orders, one a line: "up"; "down"; "flap N" goes down and comes back so often:
 * mostly as it is, every fifth time renamed in between, every fortieth deleted and made anew with
 * a new index; every fortieth time it waits until packets of both families have come in. "tell"
 * does nothing. Each is answered by numbers: nanoseconds, times down and up, renamed,
 * made anew, waited for, packets that came in by IPv4 and by IPv6, and packets that had not the
 * link's own address. What is sent in between orders is counted too. */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/stopwatch.h"

#define FLAPS_PER_NAME 5
#define FLAPS_PER_NEW_LINK 40
#define FLAPS_PER_LOOK 40
#define AWAY "away"
#define WAIT_MSEC 20000
#define DRAIN_MAX 2048

/* As in linux/ipv6.h, which doesn't go together with netinet/in.h. */
struct in6_ifreq {
        struct in6_addr address;
        uint32_t prefix_length;
        int index;
};

typedef struct Vpn {
        const char *name;
        struct in_addr address4;
        struct in6_addr address6;
        int fd, inet, inet6;
        uint64_t flaps, renamed, anew, waited, in4, in6, wrong;
} Vpn;

static void must(int result, const char *what)
{
        if (result >= 0)
                return;
        answer_error(what, strerror(errno));
        exit(EXIT_FAILURE);
}

static struct ifreq request(const char *name)
{
        struct ifreq ifr = { 0 };

        memccpy(ifr.ifr_name, name, '\0', sizeof(ifr.ifr_name) - 1);
        return ifr;
}

static void create(Vpn *vpn)
{
        struct ifreq ifr = request(vpn->name);

        vpn->fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        must(vpn->fd, "open /dev/net/tun");
        ifr.ifr_flags = IFF_TUN | IFF_NO_PI;
        must(ioctl(vpn->fd, TUNSETIFF, &ifr), "make the link");
}

static void rename_link(Vpn *vpn, const char *from, const char *to)
{
        struct ifreq ifr = request(from);

        memccpy(ifr.ifr_newname, to, '\0', sizeof(ifr.ifr_newname) - 1);
        must(ioctl(vpn->inet, SIOCSIFNAME, &ifr), "rename the link");
}

static void set_flags(Vpn *vpn, const char *name, int up)
{
        struct ifreq ifr = request(name);

        must(ioctl(vpn->inet, SIOCGIFFLAGS, &ifr), "read the flags");
        ifr.ifr_flags = (short)(up ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
        must(ioctl(vpn->inet, SIOCSIFFLAGS, &ifr), "set the flags");
}

static void set_ipv4(Vpn *vpn)
{
        struct ifreq ifr = request(vpn->name);
        struct sockaddr_in *address = (struct sockaddr_in *)(void *)&ifr.ifr_addr;

        address->sin_family = AF_INET;
        address->sin_addr = vpn->address4;
        must(ioctl(vpn->inet, SIOCSIFADDR, &ifr), "set the IPv4 address");
        address->sin_addr.s_addr = htonl(0xffffff00);
        must(ioctl(vpn->inet, SIOCSIFNETMASK, &ifr), "set the IPv4 mask");
}

static void set_ipv6(Vpn *vpn)
{
        struct in6_ifreq ifr = { .address = vpn->address6, .prefix_length = 64 };

        ifr.index = (int)if_nametoindex(vpn->name);
        if (ioctl(vpn->inet6, SIOCSIFADDR, &ifr) < 0 && errno != EEXIST)
                must(-1, "set the IPv6 address");
}

static void up(Vpn *vpn)
{
        set_ipv4(vpn);
        set_flags(vpn, vpn->name, 1);
        set_ipv6(vpn);
}

/* Counts one packet; 4 or 6, when it came from where it ought to. */
static int take_packet(Vpn *vpn, const unsigned char *packet, ssize_t length)
{
        int version = packet[0] >> 4;

        if (version == 4 && length >= 20) {
                vpn->in4++;
                if (memcmp(packet + 12, &vpn->address4, 4) == 0)
                        return 4;
        } else if (version == 6 && length >= 40) {
                /* The link's own router solicitations and reports. */
                if (packet[8] == 0xfe && (packet[9] & 0xc0) == 0x80)
                        return 0;
                vpn->in6++;
                if (memcmp(packet + 8, &vpn->address6, 16) == 0)
                        return 6;
                if (memcmp(packet + 8, &in6addr_any, 16) == 0 && packet[24] == 0xff) {
                        vpn->in6--;
                        return 0;
                }
        }
        vpn->wrong++;
        return 0;
}

/* Looks at what is queued. A set of 1 << family. */
static int drain(Vpn *vpn)
{
        unsigned char packet[2048];
        int seen = 0;

        for (int i = 0; i < DRAIN_MAX; i++) {
                ssize_t length = read(vpn->fd, packet, sizeof(packet));

                if (length <= 0)
                        break;
                seen |= 1 << take_packet(vpn, packet, length);
        }
        return seen;
}

static int wait_for_packets(Vpn *vpn)
{
        int64_t end = now_nsec() + (int64_t)WAIT_MSEC * 1000000;
        int seen = 0;

        while (now_nsec() < end) {
                struct pollfd poller = { .fd = vpn->fd, .events = POLLIN };

                seen |= drain(vpn);
                if ((seen & 1 << 4) && (seen & 1 << 6)) {
                        vpn->waited++;
                        return 0;
                }
                poll(&poller, 1, 100);
        }
        return -1;
}

static int flap(Vpn *vpn, uint64_t number)
{
        drain(vpn);
        set_flags(vpn, vpn->name, 0);
        if (number % FLAPS_PER_NEW_LINK == 7) {
                close(vpn->fd);
                create(vpn);
                vpn->anew++;
        } else if (number % FLAPS_PER_NAME == 3) {
                rename_link(vpn, vpn->name, AWAY);
                set_flags(vpn, AWAY, 1);
                set_flags(vpn, AWAY, 0);
                rename_link(vpn, AWAY, vpn->name);
                vpn->renamed++;
        }
        up(vpn);
        vpn->flaps++;
        return number % FLAPS_PER_LOOK == 9 ? wait_for_packets(vpn) : 0;
}

static int carry_out(Vpn *vpn, const char *order)
{
        uint64_t count;
        int r = 0;

        if (strcmp(order, "up") == 0)
                up(vpn);
        else if (strcmp(order, "down") == 0)
                set_flags(vpn, vpn->name, 0);
        else if (sscanf(order, "flap %" SCNu64, &count) == 1)
                for (uint64_t i = 0; r == 0 && i < count; i++)
                        r = flap(vpn, i);
        else if (strcmp(order, "tell") != 0)
                return -2;
        return r;
}

/* Between orders too: whoever sends into a full queue learns nothing of it. */
static void wait_for_order(Vpn *vpn)
{
        struct pollfd pollers[] = { { .fd = STDIN_FILENO, .events = POLLIN },
                                    { .fd = vpn->fd, .events = POLLIN } };

        do {
                drain(vpn);
                /* A link that is down says POLLERR all the time. */
                if (poll(pollers, pollers[1].revents & POLLERR ? 1 : 2, -1) < 0)
                        break;
        } while (!pollers[0].revents);
}

int main(int argc, char **argv)
{
        Vpn vpn = { .name = argc > 1 ? argv[1] : "" };
        char line[256];

        if (argc != 4 || inet_pton(AF_INET, argv[2], &vpn.address4) != 1 ||
            inet_pton(AF_INET6, argv[3], &vpn.address6) != 1)
                return 2;
        setvbuf(stdin, NULL, _IONBF, 0);
        vpn.inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        vpn.inet6 = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        create(&vpn);
        for (;;) {
                int64_t begun;
                int r;

                wait_for_order(&vpn);
                if (!next_order(line, sizeof(line)))
                        return EXIT_SUCCESS;
                begun = now_nsec();
                r = carry_out(&vpn, line);
                if (r == 0) {
                        printf("%" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                               " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                               now_nsec() - begun, vpn.flaps, vpn.renamed, vpn.anew, vpn.waited,
                               vpn.in4, vpn.in6, vpn.wrong);
                        fflush(stdout);
                } else {
                        answer_error(line, r == -1 ? "no packet came in" : "no such order");
                }
        }
}
