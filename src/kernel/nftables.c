/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The guard in the kernel: whole transactions through libnftables, and proof that it is still ours.
 */

#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>
#include <string.h>

#include "common/error.h"
#include "common/names.h"
#include "kernel/nftables.h"
#include "kernel/request.h"

#define INET KS_GUARD_FAMILY " " KS_GUARD_TABLE
#define EGRESS KS_EGRESS_FAMILY " " KS_GUARD_TABLE
/* How often a transaction is repeated when others commit at the same moment, so
 * that the listing kept for comparison is surely our own work. */
#define CLEAN_TRIES 5

struct KsNftables {
        struct nft_ctx *context;
        KsRequestSocket requests; /* for what libnftables isn't asked */
        char *listing;            /* of the table as we left it; NULL: none */
        char *egress_listing;     /* likewise of the egress table; NULL: none is wanted */
        guint32 generation;       /* when the listings were taken */
        gboolean hooks_changed;   /* a link took its hook along, or may have */
        char *egress_problem;     /* why the egress table is not in place; NULL: it is */
        gboolean probed;          /* whether the kernel can hook to egress is known: */
        char *no_egress;          /* NULL: it can */
        gboolean probed_log;      /* likewise: */
        char *no_log;
};

/* Sends a request, which it frees, and waits for answer and acknowledgement.
 * Returns 0 or a libnl error. */
static int ask(KsNftables *nftables, struct nl_msg *message, nl_recvmsg_msg_cb_t take,
               void *userdata)
{
        int r = ks_request_socket_open(&nftables->requests);
        struct nl_sock *socket = nftables->requests.socket;

        if (r >= 0) {
                nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take, userdata);
                r = nl_send_auto(socket, message);
        }
        nlmsg_free(message);
        if (r >= 0)
                r = nl_recvmsgs_default(socket);
        if (r >= 0)
                r = nl_wait_for_ack(socket);
        ks_request_socket_settle(&nftables->requests, r);
        return r < 0 ? r : 0;
}

static int take_generation(struct nl_msg *message, void *userdata)
{
        struct nlattr *attribute = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct nfgenmsg),
                                                   NFTA_GEN_ID);

        if (attribute && nla_len(attribute) >= 4)
                *(guint32 *)userdata = GUINT32_FROM_BE(nla_get_u32(attribute));
        return NL_OK;
}

/* The kernel's ruleset generation, which every transaction of anybody counts up.
 * Returns 0 or a libnl error. */
static int get_generation(KsNftables *nftables, guint32 *generation)
{
        struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
        int type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
        struct nl_msg *message = nlmsg_alloc_simple(type, NLM_F_ACK);

        if (!message)
                g_error("out of memory");
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        *generation = 0;
        return ask(nftables, message, take_generation, generation);
}

static void renew_context(KsNftables *nftables)
{
        /* First, so that the new one has a descriptor. */
        if (nftables->context)
                nft_ctx_free(nftables->context);
        nftables->context = nft_ctx_new(NFT_CTX_DEFAULT);
        nft_ctx_buffer_output(nftables->context);
        nft_ctx_buffer_error(nftables->context);
        nft_ctx_output_set_flags(nftables->context,
                                 NFT_CTX_OUTPUT_NUMERIC_ALL | NFT_CTX_OUTPUT_STATELESS);
}

KsNftables *ks_nftables_new(GError **error)
{
        g_autoptr(KsNftables) nftables = g_new0(KsNftables, 1);
        int r;

        nftables->requests = (KsRequestSocket){ NETLINK_NETFILTER, NULL, NULL, 0 };
        /* Asked before libnftables is: it ends the process when it gets no socket. */
        r = get_generation(nftables, &nftables->generation);
        if (r < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                            "The kernel offers no nftables (%s). Load the module nf_tables, or set "
                            "Guard=optional to do with routing rules alone, which is weaker.",
                            nl_geterror(r));
                return NULL;
        }
        renew_context(nftables);
        return g_steal_pointer(&nftables);
}

void ks_nftables_free(KsNftables *nftables)
{
        if (!nftables)
                return;
        if (nftables->context)
                nft_ctx_free(nftables->context);
        ks_request_socket_clear(&nftables->requests);
        g_free(nftables->listing);
        g_free(nftables->egress_listing);
        g_free(nftables->egress_problem);
        g_free(nftables->no_egress);
        g_free(nftables->no_log);
        g_free(nftables);
}

/* A request about a table of ours; the caller adds what else is asked for. */
static struct nl_msg *table_request(int type, KsGuardTable table, int table_attribute)
{
        struct nfgenmsg header = {
                .nfgen_family = table == KS_GUARD_INET ? NFPROTO_INET : NFPROTO_NETDEV,
                .version = NFNETLINK_V0,
        };
        struct nl_msg *message = nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_ACK);

        if (!message)
                g_error("out of memory");
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        nla_put_string(message, table_attribute, KS_GUARD_TABLE);
        return message;
}

static int take_nothing(struct nl_msg *message, void *userdata)
{
        (void)message;
        (void)userdata;
        return NL_OK;
}

static gboolean is_present(KsNftables *nftables, KsGuardTable table)
{
        struct nl_msg *message = table_request(NFT_MSG_GETTABLE, table, NFTA_TABLE_NAME);
        int r = ask(nftables, message, take_nothing, NULL);

        /* In doubt it is there: taking away what isn't does no harm. But a kernel may know
         * no netdev tables at all. */
        return table == KS_GUARD_EGRESS ? r == 0 : r != -NLE_OBJ_NOTFOUND;
}

/* Where an answer to NFT_MSG_GETOBJ goes. */
typedef struct Counter {
        gboolean found;
        guint64 packets, bytes;
} Counter;

static int take_counter(struct nl_msg *message, void *userdata)
{
        struct nlattr *data = nlmsg_find_attr(nlmsg_hdr(message), sizeof(struct nfgenmsg),
                                              NFTA_OBJ_DATA);
        struct nlattr *values[NFTA_COUNTER_MAX + 1];
        Counter *counter = userdata;

        if (!data || nla_parse_nested(values, NFTA_COUNTER_MAX, data, NULL) < 0 ||
            !values[NFTA_COUNTER_PACKETS] || !values[NFTA_COUNTER_BYTES])
                return NL_OK;
        counter->packets = GUINT64_FROM_BE(nla_get_u64(values[NFTA_COUNTER_PACKETS]));
        counter->bytes = GUINT64_FROM_BE(nla_get_u64(values[NFTA_COUNTER_BYTES]));
        counter->found = TRUE;
        return NL_OK;
}

/* Adds up what the tables have refused. Asked of the kernel itself: everybody may read the
 * number, and libnftables would read all sets of all tables for it. Returns whether there is any
 * counter. */
static gboolean read_counters(KsNftables *nftables, guint tables, guint64 *packets, guint64 *bytes)
{
        gboolean found = FALSE;

        for (guint table = KS_GUARD_INET; table <= KS_GUARD_EGRESS; table <<= 1) {
                Counter counter = { 0 };
                struct nl_msg *message;

                if (!(tables & table))
                        continue;
                message = table_request(NFT_MSG_GETOBJ, table, NFTA_OBJ_TABLE);
                nla_put_string(message, NFTA_OBJ_NAME, "blocked");
                nla_put_u32(message, NFTA_OBJ_TYPE, GUINT32_TO_BE(NFT_OBJECT_COUNTER));
                if (ask(nftables, message, take_counter, &counter) < 0 || !counter.found)
                        continue;
                *packets += counter.packets;
                *bytes += counter.bytes;
                found = TRUE;
        }
        return found;
}

/* Runs commands. @words: set to the first line of what nft says against them, which
 * the caller frees; may be NULL. */
static gboolean run_for_words(KsNftables *nftables, const char *command, char **words)
{
        const char *all;

        if (nft_run_cmd_from_buffer(nftables->context, command) == 0) {
                nft_ctx_get_error_buffer(nftables->context);
                return TRUE;
        }
        all = nft_ctx_get_error_buffer(nftables->context);
        if (words)
                *words = g_strndup(all, strcspn(all, "\n"));
        /* An answer may still be on its way, which libnftables takes for the next one's and ends
         * the process. */
        renew_context(nftables);
        return FALSE;
}

static gboolean run(KsNftables *nftables, const char *command, GError **error)
{
        g_autofree char *words = NULL;

        if (run_for_words(nftables, command, &words))
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                    "nftables refused the table " INET
                    ": %s. If 'nft list tables' shows that another program has made "
                    "a table of that name, stop that program; or set Guard=optional to "
                    "do with routing rules alone, which is weaker",
                    words);
        return FALSE;
}

/* A table as text without counters' values; NULL when there is none. */
static char *list(KsNftables *nftables, KsGuardTable table)
{
        if (!run_for_words(nftables,
                           table == KS_GUARD_INET ? "list table " INET : "list table " EGRESS,
                           NULL))
                return NULL;
        return g_strdup(nft_ctx_get_output_buffer(nftables->context));
}

static char *replace_text(KsNftables *nftables, const KsGuard *guard, guint tables)
{
        guint64 packets = 0, bytes = 0;

        /* The counts of all tables that are replaced go on in one. */
        read_counters(nftables, tables, &packets, &bytes);
        return ks_guard_replace_text(guard, tables, packets, bytes);
}

/* Whether what is listed has the chain of every uplink. The kernel may have taken one away again
 * along with its link, and before 6.16 a link that comes back gets none by itself. */
static gboolean has_hooks(const char *listing, const KsGuard *guard)
{
        g_auto(GStrv) lines = g_strsplit(guard->hooks->str, "\n", -1);

        for (guint i = 0; lines[i]; i++)
                if (g_str_has_prefix(lines[i], "\tchain ") && !strstr(listing, lines[i]))
                        return FALSE;
        return TRUE;
}

static void take_listings(KsNftables *nftables, const KsGuard *guard, gboolean with_egress)
{
        g_free(nftables->listing);
        g_free(nftables->egress_listing);
        nftables->listing = list(nftables, KS_GUARD_INET);
        nftables->egress_listing = with_egress ? list(nftables, KS_GUARD_EGRESS) : NULL;
        /* The link's event, which is still to come, has them put in place again. */
        nftables->hooks_changed = with_egress && (!nftables->egress_listing ||
                                                  !has_hooks(nftables->egress_listing, guard));
}

/* Runs a transaction and keeps the listings behind it. When somebody else
 * committed in between, what was listed might not be ours: the whole tables are
 * put in place again. */
static gboolean commit(KsNftables *nftables, char *transaction, const KsGuard *guard, guint tables,
                       GError **error)
{
        gboolean with_egress = (tables & KS_GUARD_EGRESS) && ks_guard_has_egress(guard);
        g_autofree char *text = transaction;

        for (int i = 0; i < CLEAN_TRIES; i++) {
                guint32 before, after;

                if (i > 0) {
                        g_free(text);
                        text = replace_text(nftables, guard, tables);
                }
                if (get_generation(nftables, &before) < 0)
                        before = 0;
                if (!run(nftables, text, error))
                        return FALSE;
                take_listings(nftables, guard, with_egress);
                if (get_generation(nftables, &after) < 0)
                        after = 0;
                nftables->generation = after;
                if (nftables->listing && after == before + 1)
                        break;
        }
        if (nftables->listing)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                    "The guard is gone as soon as it is put in place: another program deletes it");
        return FALSE;
}

/* Learns once whether the kernel can hook to egress: the transaction is checked by the
 * kernel and then called off. Every namespace has "lo". */
static gboolean can_hook_to_egress(KsNftables *nftables)
{
        if (!nftables->probed) {
                nft_ctx_set_dry_run(nftables->context, true);
                run_for_words(nftables,
                              "table " EGRESS "_probe {\n\tchain lo {\n"
                              "\t\ttype filter hook egress device \"lo\" priority 0;\n\t}\n}\n",
                              &nftables->no_egress);
                nft_ctx_set_dry_run(nftables->context, false);
                nftables->probed = TRUE;
        }
        return nftables->no_egress == NULL;
}

const char *ks_nftables_log_problem(KsNftables *nftables)
{
        if (!nftables->probed_log) {
                nft_ctx_set_dry_run(nftables->context, true);
                run_for_words(nftables,
                              "table " INET "_probe {\n\tchain probe {\n"
                              "\t\tlimit rate 1/second log group 1 snaplen 1\n\t}\n}\n",
                              &nftables->no_log);
                nft_ctx_set_dry_run(nftables->context, false);
                nftables->probed_log = TRUE;
        }
        return nftables->no_log;
}

/* Which tables a transaction for the guard is about. */
static guint tables_for(KsNftables *nftables, const KsGuard *guard)
{
        gboolean egress = ks_guard_has_egress(guard) ? can_hook_to_egress(nftables)
                                                     : is_present(nftables, KS_GUARD_EGRESS);

        return egress ? KS_GUARD_INET | KS_GUARD_EGRESS : KS_GUARD_INET;
}

static void set_egress_problem(KsNftables *nftables, const KsGuard *guard, const char *words)
{
        g_clear_pointer(&nftables->egress_problem, g_free);
        if (!ks_guard_has_egress(guard))
                return;
        if (nftables->no_egress)
                nftables->egress_problem = g_strdup_printf(
                        "EgressGuard=yes has no effect, because this kernel can't filter what "
                        "leaves by an interface (%s). It takes Linux 5.16 with "
                        "CONFIG_NETFILTER_EGRESS. Packet sockets, macvlan and bridged guests are "
                        "not stopped",
                        nftables->no_egress);
        else if (words)
                nftables->egress_problem = g_strdup_printf(
                        "EgressGuard=yes could not be put in force: %s. Packet sockets, macvlan "
                        "and bridged guests may not be stopped. If 'nft list tables' shows a "
                        "table " EGRESS " of another program, stop that program",
                        words);
}

/* The egress table is an extra: where it can't be had, the other one is put in place
 * alone. What is there of an earlier egress table stays then. */
gboolean ks_nftables_replace(KsNftables *nftables, const KsGuard *guard, GError **error)
{
        guint tables = tables_for(nftables, guard);
        g_autoptr(GError) local = NULL;

        set_egress_problem(nftables, guard, NULL);
        if (commit(nftables, replace_text(nftables, guard, tables), guard, tables, &local))
                return TRUE;
        if ((tables & KS_GUARD_EGRESS) &&
            commit(nftables, replace_text(nftables, guard, KS_GUARD_INET), guard, KS_GUARD_INET,
                   NULL)) {
                set_egress_problem(nftables, guard, local->message);
                return TRUE;
        }
        g_propagate_error(error, g_steal_pointer(&local));
        return FALSE;
}

gboolean ks_nftables_update(KsNftables *nftables, const KsGuard *present, const KsGuard *wanted,
                            GError **error)
{
        guint tables = tables_for(nftables, wanted);
        g_autofree char *update = ks_guard_update_text(present, wanted, tables);

        /* What failed the last time is tried again. */
        if (nftables->egress_problem && !nftables->no_egress)
                g_clear_pointer(&update, g_free);
        if (update && !*update)
                return TRUE;
        if (update && commit(nftables, g_steal_pointer(&update), wanted, tables, NULL))
                return TRUE;
        return ks_nftables_replace(nftables, wanted, error);
}

/* Only a table that another process owns refuses us so, and ours has no owner: somebody
 * else's table, which must not keep us from letting go. */
static gboolean is_anothers(const GError *error)
{
        return strstr(error->message, "Operation not permitted") != NULL;
}

gboolean ks_nftables_remove(KsNftables *nftables, GError **error)
{
        guint tables = KS_GUARD_INET |
                       (is_present(nftables, KS_GUARD_EGRESS) ? KS_GUARD_EGRESS : 0);
        gboolean gone = run(nftables, ks_guard_remove_text(tables), NULL);
        g_autoptr(GError) failure = NULL;

        /* One that can't be had must not keep the other. */
        for (guint table = KS_GUARD_INET; !gone && table <= KS_GUARD_EGRESS; table <<= 1) {
                g_autoptr(GError) local = NULL;

                if ((tables & table) && !run(nftables, ks_guard_remove_text(table), &local) &&
                    !is_anothers(local) && !failure)
                        failure = g_steal_pointer(&local);
        }
        if (failure) {
                g_propagate_error(error, g_steal_pointer(&failure));
                return FALSE;
        }
        g_clear_pointer(&nftables->listing, g_free);
        g_clear_pointer(&nftables->egress_listing, g_free);
        g_clear_pointer(&nftables->egress_problem, g_free);
        return TRUE;
}

static gboolean is_as_listed(KsNftables *nftables, KsGuardTable table)
{
        g_autofree char *listing = list(nftables, table);

        return g_strcmp0(listing, table == KS_GUARD_INET ? nftables->listing
                                                         : nftables->egress_listing) == 0;
}

gboolean ks_nftables_is_intact(KsNftables *nftables)
{
        guint32 generation;

        if (!nftables->listing || nftables->hooks_changed)
                return FALSE;
        if (get_generation(nftables, &generation) == 0 && generation == nftables->generation)
                return TRUE;
        if (!is_as_listed(nftables, KS_GUARD_INET) ||
            (nftables->egress_listing && !is_as_listed(nftables, KS_GUARD_EGRESS)))
                return FALSE;
        nftables->generation = generation;
        return TRUE;
}

char *ks_nftables_describe_damage(KsNftables *nftables)
{
        gboolean inet = !is_as_listed(nftables, KS_GUARD_INET);

        if (!inet && nftables->hooks_changed)
                return NULL;
        return g_strdup_printf(is_present(nftables, inet ? KS_GUARD_INET : KS_GUARD_EGRESS)
                                       ? "the nftables table %s had been changed"
                                       : "the nftables table %s had been deleted",
                               inet ? INET : EGRESS);
}

void ks_nftables_links_changed(KsNftables *nftables)
{
        guint32 generation;

        /* The kernel takes a link's hook away with the link, or keeps it for the next of that
         * name (Linux 6.16), and counts no generation for it. */
        if (nftables->egress_listing && !is_as_listed(nftables, KS_GUARD_EGRESS))
                nftables->hooks_changed = TRUE;
        if (!nftables->listing || get_generation(nftables, &generation) < 0 ||
            generation != nftables->generation)
                return;
        g_free(nftables->listing);
        nftables->listing = list(nftables, KS_GUARD_INET);
}

gboolean ks_nftables_is_present(KsNftables *nftables)
{
        return is_present(nftables, KS_GUARD_INET) || is_present(nftables, KS_GUARD_EGRESS);
}

const char *ks_nftables_egress_problem(const KsNftables *nftables)
{
        return nftables->egress_problem;
}

gboolean ks_nftables_blocked(KsNftables *nftables, guint64 *packets, guint64 *bytes)
{
        *packets = *bytes = 0;
        return read_counters(nftables, KS_GUARD_INET | KS_GUARD_EGRESS, packets, bytes);
}
