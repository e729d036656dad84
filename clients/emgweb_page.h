/* The files of the page, which the build makes of clients/web and puts into the program.
 *
 * Constants; any thread. */
#ifndef EMG_CLIENTS_EMGWEB_PAGE_H
#define EMG_CLIENTS_EMGWEB_PAGE_H

#include <stddef.h>

struct emg_web_page_file {
    const char *path, *type;
    const char *begin, *end;
};

extern const struct emg_web_page_file emg_web_page_files[];
extern const size_t emg_web_n_page_files;

#endif
