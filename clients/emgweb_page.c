#include "clients/emgweb_page.h"

/* The assembler looks for the files in the build's directory web. */
#define FILE_IN_PROGRAM(name, file)                                                                          \
    __asm__(".section .rodata\n"                                                                             \
            "page_" #name "_begin:\n"                                                                        \
            ".incbin \"" file "\"\n"                                                                         \
            "page_" #name "_end:\n"                                                                          \
            ".byte 0\n"                                                                                      \
            ".previous\n");                                                                                  \
    extern const char page_##name##_begin[], page_##name##_end[]

FILE_IN_PROGRAM(index, "index.html");
FILE_IN_PROGRAM(script, "app.js");
FILE_IN_PROGRAM(style, "app.css");
FILE_IN_PROGRAM(icon, "icon.svg");

const struct emg_web_page_file emg_web_page_files[] = {
    {"/", "text/html; charset=utf-8", page_index_begin, page_index_end},
    {"/app.js", "text/javascript; charset=utf-8", page_script_begin, page_script_end},
    {"/app.css", "text/css; charset=utf-8", page_style_begin, page_style_end},
    {"/icon.svg", "image/svg+xml", page_icon_begin, page_icon_end},
};
const size_t emg_web_n_page_files = sizeof emg_web_page_files / sizeof emg_web_page_files[0];
