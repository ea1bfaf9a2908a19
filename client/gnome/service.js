// SPDX-License-Identifier: GPL-2.0-or-later
// The service as the desktop sees it: a proxy that follows its signals, and calls that may ask for a password.
/* exported Service */

const {Gio, GLib, GObject} = imports.gi;

const NAME = 'org.killswitch1';
const PATH = '/org/killswitch1';
// A call lasts as long as a person thinks about a password.
const NO_TIMEOUT = GLib.MAXINT32;

var Service = GObject.registerClass({
    Signals: {'changed': {}},
}, class KillswitchService extends GObject.Object {
    _init() {
        super._init();
        this._cancellable = new Gio.Cancellable();
        this._proxy = new Gio.DBusProxy({
            g_connection: Gio.DBus.system,
            g_name: NAME,
            g_object_path: PATH,
            g_interface_name: NAME,
            g_flags: Gio.DBusProxyFlags.NONE,
        });
        this._ids = ['g-properties-changed', 'notify::g-name-owner'].map(
            signal => this._proxy.connect(signal, () => this.emit('changed')));
        this._proxy.init_async(GLib.PRIORITY_DEFAULT, this._cancellable, (proxy, result) => {
            try {
                proxy.init_finish(result);
            } catch (error) {
                if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED))
                    return;
                logError(error, 'killswitch');
            }
            this.emit('changed');
        });
    }

    // What the service says now, as a plain value. Without a service, or before it has said anything, the state
    // is 'unknown': what was true a moment ago may be no longer.
    get state() {
        const get = name => this._proxy.get_cached_property(name)?.recursiveUnpack();

        return {
            state: this._proxy.g_name_owner && get('State') || 'unknown',
            vpns: get('Vpns') ?? [],
            degraded: get('Degraded') ?? [],
            deadline: get('Deadline') ?? 0,
            isTrial: get('Trial') ?? false,
        };
    }

    // Calls a method; polkit asks the person when it has to. Promises nothing, or to fail with the service's error.
    call(method, parameters = null) {
        return new Promise((resolve, reject) => {
            this._proxy.call(method, parameters, Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION, NO_TIMEOUT,
                this._cancellable, (proxy, result) => {
                    try {
                        proxy.call_finish(result);
                        resolve();
                    } catch (error) {
                        reject(error);
                    }
                });
        });
    }

    destroy() {
        this._cancellable.cancel();
        this._ids.forEach(id => this._proxy.disconnect(id));
        this._ids = [];
        this._proxy = null;
    }
});
