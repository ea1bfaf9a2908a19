// SPDX-License-Identifier: GPL-2.0-or-later
// Puts the kill switch among GNOME's quick settings while the extension is enabled, and takes it away again.
/* exported init */

const Main = imports.ui.main;
const ExtensionUtils = imports.misc.extensionUtils;

const Me = ExtensionUtils.getCurrentExtension();
const {Service} = Me.imports.service;
const {Indicator} = Me.imports.toggle;

class Extension {
    enable() {
        const {quickSettings} = Main.panel.statusArea;

        this._service = new Service();
        this._indicator = new Indicator(this._service);
        quickSettings._indicators.insert_child_at_index(this._indicator, 0);
        quickSettings._addItems(this._indicator.quickSettingsItems);
    }

    disable() {
        this._indicator.destroy();
        this._indicator = null;
        this._service.destroy();
        this._service = null;
    }
}

function init() {
    ExtensionUtils.initTranslations();
    return new Extension();
}
