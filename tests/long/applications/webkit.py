# SPDX-License-Identifier: Apache-2.0
import sys
import gi
gi.require_version ('Gtk', '3.0'); gi.require_version ('WebKit2', '4.0')
from gi.repository import Gtk, WebKit2
window, view = Gtk.Window (), WebKit2.WebView ()
window.add (view); window.set_default_size (400, 300); window.show_all ()
def titled (*_):
    if (view.get_title () or '').startswith ('done'): print (view.get_title ()); Gtk.main_quit ()
view.connect ('notify::title', titled); view.load_uri ('file://' + sys.argv[1]); Gtk.main ()
