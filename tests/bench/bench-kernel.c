/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times what the kernel and the disk alone take for Engage and Release.
 *
 *   bench-kernel STATE-DIRECTORY SETTINGS
 *
 * Bare: "save" writes an intent; "guard-up", "rules-up", "rules-down" and "guard-down" are the two
 * layers' transactions, worked out beforehand. With all that the service does around them: "plan"
 * reads the links, "raise" and "lower" are the enforcer's, with what they read back. */

#include <nftables/libnftables.h>

#include "engine/enforcer.h"
#include "engine/settings.h"
#include "engine/store.h"
#include "kernel/rtnl.h"
#include "policy/diff.h"
#include "stopwatch.h"

typedef struct Bench {
        KsSettings *settings;
        KsStore *store;
        KsEnforcer *enforcer;
        KsRtnl *rtnl;
        struct nft_ctx *nft;
        char *guard;       /* the transaction's text */
        GArray *up, *down; /* of KsOp */
} Bench;

static gboolean run_nft(Bench *bench, const char *text, GError **error)
{
        if (nft_run_cmd_from_buffer(bench->nft, text) == 0)
                return TRUE;
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_FAILED, "%s",
                    nft_ctx_get_error_buffer(bench->nft));
        return FALSE;
}

/* Plans once, on the links as they are. */
static gboolean prepare(Bench *bench, const char *directory, const char *text, GError **error)
{
        const KsSteering nothing = { g_array_new(FALSE, TRUE, sizeof(KsRule)),
                                     g_array_new(FALSE, TRUE, sizeof(KsRoute)) };
        KsSteering wanted;
        KsPlan *plan;

        bench->settings = ks_settings_parse(text, "settings", error);
        bench->store = ks_store_new(directory);
        bench->enforcer = bench->settings ? ks_enforcer_new(error) : NULL;
        bench->rtnl = bench->enforcer ? ks_rtnl_new(error) : NULL;
        plan = bench->rtnl ? ks_enforcer_plan(bench->enforcer, bench->settings,
                                              bench->settings->lan, NULL, error)
                           : NULL;
        if (!plan)
                return FALSE;
        wanted = (KsSteering){ plan->rules, plan->routes };
        bench->up = ks_diff(&wanted, &nothing);
        bench->down = ks_diff(&nothing, &wanted);
        bench->guard = ks_guard_replace_text(plan->guard, KS_GUARD_INET, 0, 0);
        bench->nft = nft_ctx_new(NFT_CTX_DEFAULT);
        nft_ctx_buffer_output(bench->nft);
        nft_ctx_buffer_error(bench->nft);
        return TRUE;
}

static gboolean raise_all(Bench *bench, GError **error)
{
        KsPlan *plan = ks_enforcer_plan(bench->enforcer, bench->settings, bench->settings->lan,
                                        NULL, error);

        return plan && ks_enforcer_raise(bench->enforcer, bench->settings, plan, TRUE, NULL, error);
}

static gboolean plan_only(Bench *bench, GError **error)
{
        g_autoptr(KsPlan) plan = ks_enforcer_plan(bench->enforcer, bench->settings,
                                                  bench->settings->lan, NULL, error);

        return plan != NULL;
}

static gboolean carry_out(Bench *bench, const char *order, GError **error)
{
        KsIntent intent = { .engaged = TRUE };

        if (g_str_equal(order, "save"))
                return ks_store_save(bench->store, &intent, error);
        if (g_str_equal(order, "guard-up"))
                return run_nft(bench, bench->guard, error);
        if (g_str_equal(order, "guard-down"))
                return run_nft(bench, ks_guard_remove_text(KS_GUARD_INET), error);
        if (g_str_equal(order, "rules-up"))
                return ks_rtnl_apply(bench->rtnl, bench->up, error);
        if (g_str_equal(order, "rules-down"))
                return ks_rtnl_apply(bench->rtnl, bench->down, error);
        if (g_str_equal(order, "plan"))
                return plan_only(bench, error);
        if (g_str_equal(order, "raise"))
                return raise_all(bench, error);
        if (g_str_equal(order, "lower"))
                return ks_enforcer_lower(bench->enforcer, error);
        g_set_error(error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "no such order");
        return FALSE;
}

int main(int argc, char **argv)
{
        g_autoptr(GError) error = NULL;
        Bench bench = { 0 };
        char line[64];

        if (argc != 3)
                return 2;
        if (!prepare(&bench, argv[1], argv[2], &error)) {
                answer_error("prepare", error->message);
                return EXIT_FAILURE;
        }
        while (next_order(line, sizeof(line))) {
                int64_t begun = now_nsec();
                gboolean fine = carry_out(&bench, line, &error);

                begun = now_nsec() - begun;
                if (fine)
                        answer(begun);
                else
                        answer_error(line, error->message);
                g_clear_error(&error);
        }
        return EXIT_SUCCESS;
}
