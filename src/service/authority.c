/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Authorization by polkit: asynchronous, cancelled with its caller, limited in number. */

#include <polkit/polkit.h>

#include "common/log.h"
#include "common/messages.h"
#include "common/names.h"
#include "service/authority.h"

/* Senders with an open question, of one user and of all together, and calls of
 * one sender that wait behind it. Only users other than root can use theirs up. */
#define PENDING_USER_MAX 16
#define PENDING_MAX 1024
#define WAITING_MAX 64
#define REFUSALS_A_MINUTE 10
#define TOO_MANY "Too many calls are waiting for authorization; answer those first"

struct KsAuthority {
        sd_bus *bus;
        KsAuthorityAgain again;
        gpointer again_userdata;
        PolkitAuthority *polkit;
        GHashTable *pending; /* sender -> Check, borrowed */
};

typedef struct Check {
        KsAuthority *authority; /* NULL once the authority is gone */
        sd_bus_message *message;
        char *action;
        KsAuthorityDone done;
        gpointer userdata;
        GDestroyNotify free_userdata;
        GCancellable *cancellable;
        sd_bus_track *track;      /* the caller's presence on the bus */
        sd_bus_slot *credentials; /* the question for its uid */
        gboolean has_uid;
        guint32 uid;
        gboolean polkit_failed; /* its word can't be had; root is all that's left */
        gboolean decided;
        GQueue waiting; /* of sd_bus_message*: later calls of the same sender */
        int references;
} Check;

static void check_unref(Check *check)
{
        if (--check->references > 0)
                return;
        if (check->userdata && check->free_userdata)
                check->free_userdata(check->userdata);
        sd_bus_slot_unref(check->credentials);
        sd_bus_track_unref(check->track);
        sd_bus_message_unref(check->message);
        g_object_unref(check->cancellable);
        g_free(check->action);
        g_free(check);
}

static void free_message(gpointer message)
{
        sd_bus_message_unref(message);
}

/* No verdict will be told from here on; who waits behind it gets a turn.
 *
 * polkit is not told to cancel: it withdraws the prompt by itself when the caller or
 * this service leaves the bus. Told as well, polkitd 122 cancels the same prompt twice,
 * and the agent's answer to the first may lock it up for good (its worker thread then
 * waits in g_cancellable_disconnect(), holding the connection's lock). */
static void check_close(Check *check)
{
        KsAuthority *authority = g_steal_pointer(&check->authority);

        check->decided = TRUE;
        if (authority)
                g_hash_table_remove(authority->pending, sd_bus_message_get_sender(check->message));
        while (authority && !g_queue_is_empty(&check->waiting)) {
                sd_bus_message *message = g_queue_pop_head(&check->waiting);

                authority->again(message, authority->again_userdata);
                sd_bus_message_unref(message);
        }
        g_queue_clear_full(&check->waiting, free_message);
        check->track = sd_bus_track_unref(check->track);
        check->credentials = sd_bus_slot_unref(check->credentials);
        check_unref(check);
}

/* Anybody may ask as often as he likes: that must not fill the journal. */
static gboolean may_log_refusal(void)
{
        static gint64 begun;
        static guint told;
        gint64 now = g_get_monotonic_time();

        if (told == 0 || now - begun > 60 * G_USEC_PER_SEC) {
                begun = now;
                told = 0;
        }
        return told++ < REFUSALS_A_MINUTE;
}

static void log_refusal(const Check *check)
{
        g_autofree char *uid = check->has_uid ? g_strdup_printf("%u", check->uid)
                                              : g_strdup("unknown");
        const char *method = sd_bus_message_get_member(check->message);

        if (may_log_refusal())
                ks_log_event(LOG_NOTICE, KS_MESSAGE_NOT_AUTHORIZED,
                             KS_FIELDS(KS_FIELD_METHOD, method, KS_FIELD_ACTION, check->action,
                                       KS_FIELD_UID, uid),
                             "Refused %s to the user %s: not authorized", method, uid);
}

static void decide(Check *check, const char *name, const char *sentence)
{
        sd_bus_error error = SD_BUS_ERROR_NULL;
        gpointer userdata = g_steal_pointer(&check->userdata);

        if (g_strcmp0(name, SD_BUS_ERROR_ACCESS_DENIED) == 0 ||
            g_strcmp0(name, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED) == 0)
                log_refusal(check);
        if (name)
                error = SD_BUS_ERROR_MAKE_CONST(name, sentence);
        check->done(check->message, name ? &error : NULL, userdata);
        check_close(check);
}

/* polkit has no word: root may, others may not. Waits until the uid is known. */
static void decide_without_polkit(Check *check)
{
        if (!check->has_uid)
                return;
        decide(check, SD_BUS_ERROR_ACCESS_DENIED,
               "polkit does not answer, so only root may do this: start polkit.service, or use "
               "sudo");
}

static void take_result(Check *check, PolkitAuthorizationResult *result)
{
        if (polkit_authorization_result_get_is_authorized(result))
                decide(check, NULL, NULL);
        else if (polkit_authorization_result_get_is_challenge(result))
                decide(check, SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
                       "Authentication is needed, and the call did not allow asking for it or "
                       "nothing is there to ask");
        else
                decide(check, SD_BUS_ERROR_ACCESS_DENIED,
                       "Refused by polkit's rules, or by the one who was asked");
}

static void on_polkit(GObject *source, GAsyncResult *async, gpointer userdata)
{
        Check *check = userdata;
        g_autoptr(GError) error = NULL;
        g_autoptr(PolkitAuthorizationResult) result = polkit_authority_check_authorization_finish(
                POLKIT_AUTHORITY(source), async, &error);

        if (check->decided) {
                check_unref(check);
                return;
        }
        if (result) {
                take_result(check, result);
        } else {
                ks_log_event(LOG_WARNING, KS_MESSAGE_POLKIT_FAILED, NULL,
                             "polkit can't be asked: %s", error->message);
                check->polkit_failed = TRUE;
                decide_without_polkit(check);
        }
        check_unref(check);
}

static void ask_polkit(Check *check, PolkitAuthority *polkit)
{
        PolkitCheckAuthorizationFlags flags = POLKIT_CHECK_AUTHORIZATION_FLAGS_NONE;
        g_autoptr(PolkitSubject) subject = NULL;

        if (sd_bus_message_get_allow_interactive_authorization(check->message) > 0)
                flags |= POLKIT_CHECK_AUTHORIZATION_FLAGS_ALLOW_USER_INTERACTION;
        /* The unique name stands for one connection; a pid could be another's by now. */
        subject = polkit_system_bus_name_new(sd_bus_message_get_sender(check->message));
        polkit_authority_check_authorization(polkit, subject, check->action, NULL, flags,
                                             check->cancellable, on_polkit, check);
}

static void on_authority(GObject *source, GAsyncResult *async, gpointer userdata)
{
        Check *check = userdata;
        g_autoptr(GError) error = NULL;
        g_autoptr(PolkitAuthority) polkit = polkit_authority_get_finish(async, &error);

        (void)source;
        if (check->decided) {
                check_unref(check);
        } else if (polkit) {
                g_set_object(&check->authority->polkit, polkit);
                ask_polkit(check, polkit);
        } else {
                ks_log_event(LOG_WARNING, KS_MESSAGE_POLKIT_FAILED, NULL,
                             "polkit can't be reached: %s", error->message);
                check->polkit_failed = TRUE;
                decide_without_polkit(check);
                check_unref(check);
        }
}

static guint count_user(KsAuthority *authority, guint32 uid)
{
        GHashTableIter iter;
        gpointer value;
        guint count = 0;

        g_hash_table_iter_init(&iter, authority->pending);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                const Check *check = value;

                count += check->has_uid && check->uid == uid;
        }
        return count;
}

/* The caller is still there, so nobody else withdraws the prompt. */
static void refuse_one_too_many(Check *check)
{
        g_cancellable_cancel(check->cancellable);
        decide(check, KS_ERROR_PREFIX "LimitsExceeded", TOO_MANY);
}

static int on_uid(sd_bus_message *reply, void *userdata, sd_bus_error *error)
{
        Check *check = userdata;

        (void)error;
        if (check->decided)
                return 0;
        check->uid = G_MAXUINT32;
        if (!sd_bus_message_is_method_error(reply, NULL))
                sd_bus_message_read(reply, "u", &check->uid);
        check->has_uid = TRUE;
        if (check->uid == 0)
                decide(check, NULL, NULL);
        else if (count_user(check->authority, check->uid) > PENDING_USER_MAX)
                refuse_one_too_many(check);
        else if (check->polkit_failed)
                decide_without_polkit(check);
        return 0;
}

static int on_caller_gone(sd_bus_track *track, void *userdata)
{
        Check *check = userdata;

        (void)track;
        g_queue_clear_full(&check->waiting, free_message);
        if (!check->decided)
                check_close(check);
        return 0;
}

KsAuthority *ks_authority_new(sd_bus *bus, KsAuthorityAgain again, gpointer userdata)
{
        KsAuthority *authority = g_new0(KsAuthority, 1);

        authority->bus = sd_bus_ref(bus);
        authority->again = again;
        authority->again_userdata = userdata;
        authority->pending = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        return authority;
}

void ks_authority_free(KsAuthority *authority)
{
        GHashTableIter iter;
        gpointer value;

        if (!authority)
                return;
        g_hash_table_iter_init(&iter, authority->pending);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
                ((Check *)value)->authority = NULL;
                check_close(value);
        }
        g_clear_object(&authority->polkit);
        g_hash_table_unref(authority->pending);
        sd_bus_unref(authority->bus);
        g_free(authority);
}

static int begin(Check *check)
{
        sd_bus *bus = check->authority->bus;
        const char *sender = sd_bus_message_get_sender(check->message);
        int r = sd_bus_track_new(bus, &check->track, on_caller_gone, check);

        if (r >= 0)
                r = sd_bus_track_add_name(check->track, sender);
        if (r >= 0)
                r = sd_bus_call_method_async(bus, &check->credentials, "org.freedesktop.DBus",
                                             "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                             "GetConnectionUnixUser", on_uid, check, "s", sender);
        return r;
}

int ks_authority_check(KsAuthority *authority, sd_bus_message *message, const char *action,
                       KsAuthorityDone done, gpointer userdata, GDestroyNotify free_userdata,
                       sd_bus_error *error)
{
        const char *sender = sd_bus_message_get_sender(message);
        Check *check = sender ? g_hash_table_lookup(authority->pending, sender) : NULL;
        int r;

        if (check && check->waiting.length < WAITING_MAX) {
                g_queue_push_tail(&check->waiting, sd_bus_message_ref(message));
                free_userdata(userdata);
                return 0;
        }
        if (!sender || check || g_hash_table_size(authority->pending) >= PENDING_MAX) {
                free_userdata(userdata);
                return sd_bus_error_set(error, KS_ERROR_PREFIX "LimitsExceeded", TOO_MANY);
        }
        check = g_new0(Check, 1);
        check->references = 2; /* ours while pending, and polkit's */
        check->authority = authority;
        check->message = sd_bus_message_ref(message);
        check->action = g_strdup(action);
        check->done = done;
        check->userdata = userdata;
        check->free_userdata = free_userdata;
        check->cancellable = g_cancellable_new();
        g_hash_table_insert(authority->pending, g_strdup(sender), check);
        r = begin(check);
        if (r < 0) {
                check_close(check);
                check_unref(check);
                return sd_bus_error_set_errno(error, r);
        }
        if (authority->polkit)
                ask_polkit(check, authority->polkit);
        else
                polkit_authority_get_async(check->cancellable, on_authority, check);
        return 0;
}
