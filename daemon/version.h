/* The program's version, as messages and --version give it. */
#ifndef EMG_DAEMON_VERSION_H
#define EMG_DAEMON_VERSION_H

#define EMG_VERSION "0.1.0"

#endif
