// SPDX-License-Identifier: GPL-2.0-or-later
// What the state means, in words. The sentences are those of ksctl and the tray, so that they are translated once.
/* exported Words */

const {GLib} = imports.gi;

const {gettext: _} = imports.misc.extensionUtils;

// Line breaks, other controls, and the marks with which a name can look like another one.
// eslint-disable-next-line no-control-regex
const HARMFUL = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

var Words = class {
    constructor({state, vpns, degraded, deadline, isTrial}) {
        this._state = state;
        this._vpns = vpns;
        this._degraded = degraded;
        this._deadline = deadline;
        this._isTrial = isTrial;
    }

    // Whether traffic is held back now.
    get inForce() {
        return ['blocking', 'protecting'].includes(this._state);
    }

    // Whether there is anything to pause or to switch off.
    get isEngaged() {
        return this.inForce || this._face === 'paused';
    }

    // Whether it can be let go for a while: a trial can't.
    get canPause() {
        return this.inForce && !this._isTrial;
    }

    // Whether "up" is worth offering in the menu.
    get canRaise() {
        return !this.inForce;
    }

    // How it looks. Of what is off or paused, that nothing is held back is the worse news.
    get _face() {
        if (this.inForce && this._degraded.length > 0)
            return 'degraded';
        return ['off', 'blocking', 'protecting', 'paused'].includes(this._state) ? this._state : 'unknown';
    }

    get iconName() {
        return `killswitch-${this._face}-symbolic`;
    }

    // What the toggle says, which has room for a word: what it is, or what it does now.
    get label() {
        switch (this._face) {
        case 'off':
            return _('Kill switch');
        case 'blocking':
            return _('Blocking');
        case 'protecting':
            return _('Protected');
        case 'paused':
            return _('Paused');
        case 'degraded':
            return _('Problems');
        default:
            return _('Unknown');
        }
    }

    // A few words that say what it is about.
    get title() {
        switch (this._face) {
        case 'off':
            return _('Kill switch: off, not protected');
        case 'blocking':
            return _('Kill switch: blocking, no VPN');
        case 'protecting':
            return _('Kill switch: protected');
        case 'paused':
            return _('Kill switch: paused, not protected');
        case 'degraded':
            return _('Kill switch: on, with problems');
        default:
            return _('Kill switch: state unknown');
        }
    }

    // The answer to "am I protected?".
    get headline() {
        switch (this._state) {
        case 'off':
            return this._headlineOff();
        case 'blocking':
            return this._degraded.length > 0
                ? _('Blocking, with problems: no VPN is up, so nothing leaves this machine for the internet.')
                : _('Blocking: no VPN is up, so nothing leaves this machine for the internet.');
        case 'protecting':
            return this._headlineProtecting();
        case 'paused':
            return _('Not protected: the kill switch is paused, and traffic leaves this machine directly.');
        case 'unknown':
            return _("The state is unknown: the kill switch service isn't running.");
        default:
            return fill(_("The state is '%s', which this program is too old to explain."), harmless(this._state));
        }
    }

    _headlineOff() {
        const carriers = this._interfaces(true);
        if (!carriers)
            return _('Not protected: the kill switch is off, and traffic leaves this machine directly.');
        return fill(_('Not protected: the kill switch is off. %s is up, but nothing holds traffic to it.'), carriers);
    }

    _headlineProtecting() {
        const isDegraded = this._degraded.length > 0;
        const carriers = this._interfaces(true);
        const others = this._interfaces(false);
        if (carriers) {
            return fill(isDegraded
                ? _('Protected, with problems: all traffic to the internet goes through %s.')
                : _('Protected: all traffic to the internet goes through %s.'), carriers);
        }
        if (others) {
            return fill(isDegraded
                ? _('Protected, with problems: only the networks behind %s can be reached.')
                : _('Protected: only the networks behind %s can be reached.'), others);
        }
        return isDegraded
            ? _('Protected, with problems: traffic leaves this machine only through a VPN.')
            : _('Protected: traffic leaves this machine only through a VPN.');
    }

    // The interfaces that are up: those that carry everything, or the others.
    _interfaces(isDefault) {
        const join = isDefault ? _('%s or %s') : _('%s and %s');

        return this._vpns.filter(vpn => vpn.Up && !!vpn.Default === isDefault)
            .map(vpn => harmless(vpn.Interface))
            .reduce((list, name) => list ? fill(join, list, name) : name, '');
    }

    // When it comes back, or lets go, by itself; an empty text when it doesn't.
    get until() {
        if (!this._deadline)
            return '';
        const time = GLib.DateTime.new_from_unix_local(Math.floor(this._deadline / 1e6)).format('%H:%M');
        const sentence = this._isTrial
            ? _('On trial until %s, then it releases itself')
            : _('Paused until %s, then it engages by itself');
        return fill(sentence, time);
    }

    // What is wrong, and what to do: a sentence each.
    get problems() {
        if (this._face !== 'unknown')
            return this._degraded.map(harmless);
        // eslint-disable-next-line max-len
        return [_("What it has set up in the kernel stays in force. Start it with 'sudo systemctl start killswitchd.service'; 'journalctl -u killswitchd' tells why it doesn't run.")];
    }
};

// Puts texts where a sentence has its places for them, which a translation may have numbered; "%s" in them is none.
function fill(sentence, ...texts) {
    let next = 0;

    return sentence.replace(/%(?:(\d+)\$)?s/g, (place, number) => texts[number ? number - 1 : next++]);
}

function harmless(text) {
    return text.replace(HARMFUL, '\ufffd');
}
