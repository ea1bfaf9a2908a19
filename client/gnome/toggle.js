// SPDX-License-Identifier: GPL-2.0-or-later
// What is seen: an icon in the panel, a toggle among the quick settings, its menu, and the question.
/* exported Indicator */

const {Clutter, Gio, GLib, GObject} = imports.gi;

const {MessageDialogContent} = imports.ui.dialog;
const Main = imports.ui.main;
const {ModalDialog} = imports.ui.modalDialog;
const PopupMenu = imports.ui.popupMenu;
const {QuickMenuToggle, SystemIndicator} = imports.ui.quickSettings;
const ExtensionUtils = imports.misc.extensionUtils;

const {gettext: _, ngettext} = ExtensionUtils;
const {Words} = ExtensionUtils.getCurrentExtension().imports.words;

const PAUSES = [5, 15, 60];
// Of an entry that can't be chosen, but isn't dimmed as if it could at other times.
const TO_READ = {activate: false, hover: false, can_focus: false};
const USEC_PER_MINUTE = 60 * 1000 * 1000;
// What the service answers when the person has dismissed the question for the password, who knows that.
const DENIED = 'org.freedesktop.DBus.Error.AccessDenied';

const Toggle = GObject.registerClass(
class KillswitchToggle extends QuickMenuToggle {
    _init(service) {
        super._init();
        this._service = service;
        this._addItems();
        this.connect('clicked', () => this._toggle());
        this.connect('destroy', () => {
            this._question?.close();
            // The shell keeps a menu when its toggle goes.
            this.menu.destroy();
        });
    }

    _addItems() {
        this._state = new PopupMenu.PopupMenuItem('', TO_READ);
        this._until = new PopupMenu.PopupMenuItem('', TO_READ);
        [this._state, this._until].forEach(wrap);
        this._problems = new PopupMenu.PopupMenuSection();
        this._pauses = new PopupMenu.PopupMenuSection();
        for (const minutes of PAUSES) {
            const label = ngettext('Pause for %d minute', 'Pause for %d minutes', minutes).replace('%d', minutes);
            this._pauses.addAction(label, () => {
                this._call('Pause', new GLib.Variant('(t)', [minutes * USEC_PER_MINUTE]));
            });
        }
        for (const item of [this._state, this._until, this._problems, new PopupMenu.PopupSeparatorMenuItem(),
            this._pauses])
            this.menu.addMenuItem(item);
        this._raise = this.menu.addAction(_('Turn on'), () => this._call('Engage'));
        this._release = this.menu.addAction(_('Turn off'), () => this._call('Release'));
    }

    // Shows what the words say.
    showWords(words) {
        this._words = words;
        // It says that it is on.
        if (!words.inForce)
            this._question?.close();
        // The toggle has two lines from version 44 on.
        if ('subtitle' in this)
            this.set({title: _('Kill switch'), subtitle: words.label});
        else
            this.label = words.label;
        this.set({
            iconName: words.iconName,
            accessibleName: words.title,
            checked: words.inForce,
        });
        this.menu.setHeader(words.iconName, words.label);
        this._state.label.text = words.headline;
        this._until.label.text = words.until;
        this._until.visible = words.until !== '';
        this._problems.removeAll();
        for (const text of words.problems) {
            const item = new PopupMenu.PopupImageMenuItem(text, 'dialog-warning-symbolic', TO_READ);
            wrap(item);
            this._problems.addMenuItem(item);
        }
        this._pauses.actor.visible = words.canPause;
        this._raise.visible = words.canRaise;
        this._release.visible = words.isEngaged;
    }

    // Up at once; down only after a question. Where the state is unknown, up is the safe way.
    _toggle() {
        if (this._words.inForce)
            this._ask();
        else
            this._call('Engage');
    }

    _ask() {
        if (this._question)
            return;
        this._question = new ModalDialog();
        this._question.contentLayout.add_child(new MessageDialogContent({
            title: _('Turn the kill switch off?'),
            // eslint-disable-next-line max-len
            description: _('It is on. Without it, traffic leaves this machine directly whenever no VPN carries it, and everybody on the way sees it.'),
        }));
        this._question.connect('destroy', () => (this._question = null));
        this._question.setButtons([{
            label: _('Keep it on'),
            action: () => this._question.close(),
            default: true,
            key: Clutter.KEY_Escape,
        }, {
            label: _('Turn off'),
            action: () => {
                this._question.close();
                this._call('Release');
            },
        }]);
        // Something else may hold the keyboard; the next click asks again then.
        if (!this._question.open())
            this._question.destroy();
    }

    async _call(method, parameters) {
        try {
            await this._service.call(method, parameters);
        } catch (error) {
            const name = Gio.DBusError.get_remote_error(error);
            if (error.matches(Gio.IOErrorEnum, Gio.IOErrorEnum.CANCELLED) || name === DENIED)
                return;
            Gio.DBusError.strip_remote_error(error);
            Main.notifyError(_('Kill switch'), error.message);
        }
    }
});

// A sentence may need several lines.
function wrap(item) {
    item.label.clutter_text.line_wrap = true;
    item.label.x_expand = true;
}

var Indicator = GObject.registerClass(
class KillswitchIndicator extends SystemIndicator {
    _init(service) {
        super._init();
        this._icon = this._addIndicator();
        this._toggle = new Toggle(service);
        this.quickSettingsItems.push(this._toggle);
        service.connectObject('changed', () => this._show(service), this);
        this._show(service);
        this.connect('destroy', () => this._toggle.destroy());
    }

    _show(service) {
        const words = new Words(service.state);
        this._icon.icon_name = words.iconName;
        this._icon.accessible_name = words.title;
        this._toggle.showWords(words);
    }
});
