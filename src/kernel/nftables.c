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

#define TABLE KS_GUARD_FAMILY " " KS_GUARD_TABLE
/* How often a transaction is repeated when others commit at the same moment, so
 * that the listing kept for comparison is surely our own work. */
#define CLEAN_TRIES 5

struct KsNftables {
        struct nft_ctx *context;
        struct nl_sock *socket; /* asks for the generation only */
        char *listing;          /* of the table as we left it; NULL: none */
        guint32 generation;     /* when the listing was taken */
};

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
static int get_generation(struct nl_sock *socket, guint32 *generation)
{
        struct nfgenmsg header = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 };
        int type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN;
        int r;

        *generation = 0;
        nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, take_generation, generation);
        r = nl_send_simple(socket, type, NLM_F_ACK, &header, sizeof(header));
        if (r >= 0)
                r = nl_recvmsgs_default(socket); /* the answer */
        if (r >= 0)
                r = nl_wait_for_ack(socket);
        return r < 0 ? r : 0;
}

KsNftables *ks_nftables_new(GError **error)
{
        g_autoptr(KsNftables) nftables = g_new0(KsNftables, 1);
        int r;

        nftables->socket = nl_socket_alloc();
        if (!nftables->socket)
                g_error("out of memory");
        /* Asked before libnftables is: it ends the process when it gets no socket. */
        r = nl_connect(nftables->socket, NETLINK_NETFILTER);
        if (r >= 0)
                r = get_generation(nftables->socket, &nftables->generation);
        if (r < 0) {
                g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                            "The kernel offers no nftables (%s). Load the module nf_tables, or set "
                            "Guard=optional to do with routing rules alone, which is weaker.",
                            nl_geterror(r));
                return NULL;
        }
        nftables->context = nft_ctx_new(NFT_CTX_DEFAULT);
        nft_ctx_buffer_output(nftables->context);
        nft_ctx_buffer_error(nftables->context);
        nft_ctx_output_set_flags(nftables->context,
                                 NFT_CTX_OUTPUT_NUMERIC_ALL | NFT_CTX_OUTPUT_STATELESS);
        return g_steal_pointer(&nftables);
}

void ks_nftables_free(KsNftables *nftables)
{
        if (!nftables)
                return;
        if (nftables->context)
                nft_ctx_free(nftables->context);
        nl_socket_free(nftables->socket);
        g_free(nftables->listing);
        g_free(nftables);
}

static gboolean run(KsNftables *nftables, const char *command, GError **error)
{
        const char *words;

        if (nft_run_cmd_from_buffer(nftables->context, command) == 0) {
                nft_ctx_get_error_buffer(nftables->context);
                return TRUE;
        }
        words = nft_ctx_get_error_buffer(nftables->context);
        nft_ctx_get_output_buffer(nftables->context);
        if (error) {
                g_autofree char *first = g_strndup(words, strcspn(words, "\n"));

                g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                            "nftables refused the table " TABLE
                            ": %s. If 'nft list tables' shows that another program has made "
                            "a table of that name, stop that program; or set Guard=optional to "
                            "do with routing rules alone, which is weaker",
                            first);
        }
        return FALSE;
}

/* The table as text without counters' values; NULL when there is none. */
static char *list(KsNftables *nftables)
{
        if (!run(nftables, "list table " TABLE, NULL))
                return NULL;
        return g_strdup(nft_ctx_get_output_buffer(nftables->context));
}

static char *replace_text(KsNftables *nftables, const KsGuard *guard)
{
        guint64 packets = 0, bytes = 0;

        ks_nftables_blocked(nftables, &packets, &bytes);
        return ks_guard_replace_text(guard, packets, bytes);
}

/* Runs a transaction and keeps the listing behind it. When somebody else
 * committed in between, what was listed might not be ours: the whole table is
 * put in place again. */
static gboolean commit(KsNftables *nftables, char *transaction, const KsGuard *guard,
                       GError **error)
{
        g_autofree char *text = transaction;

        for (int i = 0; i < CLEAN_TRIES; i++) {
                guint32 before, after;

                if (i > 0) {
                        g_free(text);
                        text = replace_text(nftables, guard);
                }
                if (get_generation(nftables->socket, &before) < 0)
                        before = 0;
                if (!run(nftables, text, error))
                        return FALSE;
                g_clear_pointer(&nftables->listing, g_free);
                nftables->listing = list(nftables);
                if (get_generation(nftables->socket, &after) < 0)
                        after = 0;
                nftables->generation = after;
                if (nftables->listing && after == before + 1)
                        return TRUE;
        }
        if (nftables->listing)
                return TRUE;
        g_set_error(error, KS_ERROR, KS_ERROR_GUARD_UNAVAILABLE,
                    "The guard is gone as soon as it is put in place: another program deletes it");
        return FALSE;
}

gboolean ks_nftables_replace(KsNftables *nftables, const KsGuard *guard, GError **error)
{
        return commit(nftables, replace_text(nftables, guard), guard, error);
}

gboolean ks_nftables_update(KsNftables *nftables, const KsGuard *present, const KsGuard *wanted,
                            GError **error)
{
        g_autofree char *update = ks_guard_update_text(present, wanted);

        if (update && !*update)
                return TRUE;
        if (update && commit(nftables, g_steal_pointer(&update), wanted, NULL))
                return TRUE;
        return ks_nftables_replace(nftables, wanted, error);
}

gboolean ks_nftables_remove(KsNftables *nftables, GError **error)
{
        g_autoptr(GError) local = NULL;

        /* Only a table that another process owns refuses us so, and ours has no
         * owner: somebody else's table, which must not keep us from letting go. */
        if (!run(nftables, ks_guard_remove_text(), &local) &&
            !strstr(local->message, "Operation not permitted")) {
                g_propagate_error(error, g_steal_pointer(&local));
                return FALSE;
        }
        g_clear_pointer(&nftables->listing, g_free);
        return TRUE;
}

gboolean ks_nftables_is_intact(KsNftables *nftables)
{
        g_autofree char *listing = NULL;
        guint32 generation;

        if (!nftables->listing)
                return FALSE;
        if (get_generation(nftables->socket, &generation) == 0 &&
            generation == nftables->generation)
                return TRUE;
        listing = list(nftables);
        if (g_strcmp0(listing, nftables->listing) != 0)
                return FALSE;
        nftables->generation = generation;
        return TRUE;
}

void ks_nftables_links_changed(KsNftables *nftables)
{
        guint32 generation;

        if (!nftables->listing || get_generation(nftables->socket, &generation) < 0 ||
            generation != nftables->generation)
                return;
        g_free(nftables->listing);
        nftables->listing = list(nftables);
}

/* A request about our table; the caller adds what else is asked for. */
static struct nl_msg *table_request(int type, int table_attribute)
{
        struct nfgenmsg header = { .nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0 };
        struct nl_msg *message = nlmsg_alloc_simple((NFNL_SUBSYS_NFTABLES << 8) | type, NLM_F_ACK);

        if (!message)
                g_error("out of memory");
        nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO);
        nla_put_string(message, table_attribute, KS_GUARD_TABLE);
        return message;
}

/* Sends a request, which it frees, and waits for answer and acknowledgement.
 * Returns 0 or a libnl error. */
static int ask(KsNftables *nftables, struct nl_msg *message, nl_recvmsg_msg_cb_t take,
               void *userdata)
{
        int r;

        nl_socket_modify_cb(nftables->socket, NL_CB_VALID, NL_CB_CUSTOM, take, userdata);
        r = nl_send_auto(nftables->socket, message);
        nlmsg_free(message);
        if (r >= 0)
                r = nl_recvmsgs_default(nftables->socket);
        if (r >= 0)
                r = nl_wait_for_ack(nftables->socket);
        return r < 0 ? r : 0;
}

static int take_nothing(struct nl_msg *message, void *userdata)
{
        (void)message;
        (void)userdata;
        return NL_OK;
}

gboolean ks_nftables_is_present(KsNftables *nftables)
{
        struct nl_msg *message = table_request(NFT_MSG_GETTABLE, NFTA_TABLE_NAME);

        /* In doubt it is there: taking away what isn't does no harm. */
        return ask(nftables, message, take_nothing, NULL) != -NLE_OBJ_NOTFOUND;
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

/* Asked of the kernel itself: everybody may read the number, and libnftables would
 * read all sets of all tables for it. */
gboolean ks_nftables_blocked(KsNftables *nftables, guint64 *packets, guint64 *bytes)
{
        Counter counter = { 0 };
        struct nl_msg *message = table_request(NFT_MSG_GETOBJ, NFTA_OBJ_TABLE);

        nla_put_string(message, NFTA_OBJ_NAME, "blocked");
        nla_put_u32(message, NFTA_OBJ_TYPE, GUINT32_TO_BE(NFT_OBJECT_COUNTER));
        if (ask(nftables, message, take_counter, &counter) < 0 || !counter.found)
                return FALSE;
        *packets = counter.packets;
        *bytes = counter.bytes;
        return TRUE;
}
