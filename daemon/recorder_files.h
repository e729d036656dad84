/* Files in the directory of recordings: made so that no request leads out of it, replaced as a whole, and
 * what a daemon before this one left there.
 *
 * Plain functions; any thread. */
#ifndef EMG_DAEMON_RECORDER_FILES_H
#define EMG_DAEMON_RECORDER_FILES_H

#include "daemon/config.h"
#include "daemon/montage.h"
#include "daemon/problem.h"
#include "daemon/session.h"

#include <stdbool.h>

/* A new file, and where it is. */
struct emg_recorder_place {
    int fd, directory_fd;
    char name[256];           /* in its directory */
    char path[EMG_PATH_SIZE]; /* for people */
    bool is_taken;            /* of a place that was not made: because there is a file already */
};

/* Makes an empty file, for its owner only whatever the umask, locked (flock) until it is closed, never over
 * another one; `extension` is added to a path that does not end so. path: inside `directory`, relative to it
 * or absolute; no component of it is "." or ".." or a symbolic link. Neither may <stem>.json exist. Errors,
 * naming the path: EMG_ERROR_ARGUMENT (a path that leads elsewhere, or is none), EMG_ERROR_IO (exists, no
 * permission, no such directory, disk full). On error *place holds nothing that must be closed. */
enum emg_error emg_recorder_place_make(struct emg_recorder_place *place, const char *directory,
                                       const char *path, const char *extension, struct emg_problem *problem);

/* The same, under a name of the time and the participant, and a number when there is such a recording
 * already.
 */
enum emg_error emg_recorder_place_make_by_time(struct emg_recorder_place *place, const char *directory,
                                               const char *participant, const char *extension,
                                               struct emg_problem *problem);

/* Whether the file is still there, under its path as it was given: neither it nor a directory above it has
 * been removed, renamed or replaced. */
bool emg_recorder_place_holds(const struct emg_recorder_place *place);

/* Removes the file. */
void emg_recorder_place_remove(const struct emg_recorder_place *place);

void emg_recorder_place_close(struct emg_recorder_place *place); /* closed ones: a no-op */

/* Writes `text` to `name` in the directory, as a whole or not at all, for the owner only, and brings it to
 * the disk. Returns 0 or errno. */
int emg_recorder_replace(int directory_fd, const char *name, const char *text);

/* Logs the recordings in the directory that were not closed and that nobody writes. */
void emg_recorder_tell_unfinished(const char *directory);

/* Keeps the session in <directory>/emgd-session.json; id "": removes that. What fails is logged. */
void emg_recorder_keep_session(const char *directory, const struct emg_session *session);

/* The session that is kept there, for the muscles of this montage; NULL: none, or none that can be taken up,
 * which is logged. The caller frees it. */
struct emg_session *emg_recorder_find_session(const char *directory, const struct emg_montage *montage);

#endif
