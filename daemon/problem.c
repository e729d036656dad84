#include "daemon/problem.h"

#include <stdarg.h>
#include <stdio.h>

void emg_problem_write(struct emg_problem *problem, const char *format, ...)
{
    if (problem == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    for (char *c = problem->text; *c != '\0'; c++) {
        const unsigned char byte = (unsigned char)*c;
        if (byte < 0x20 || byte == 0x7f)
            *c = '?';
    }
}
