/* Apart from the rest of the terminal: term.h defines a macro for each capability, `columns` among them. */

#include "clients/emgtop_terminal.h"

#include <curses.h>
#include <term.h>
#include <unistd.h>

bool emg_terminal_is_known(void)
{
    int problem;
    if (setupterm(NULL, STDOUT_FILENO, &problem) != OK)
        return false;
    (void)del_curterm(cur_term);
    return true;
}
