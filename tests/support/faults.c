/* Loaded with LD_PRELOAD: calls to the file system fail, are recorded, or the clock is ahead, as a test asks.

   The test and the program share the structure below, in a file that the variable FAULTS names. Calls count that
   concern paths below a folder: create, open, read, write, sync, rename, mkdir and remove. The one with a chosen
   number fails with a chosen error, and, where the test asks for it, all later ones. Calls that have succeeded are
   written to a log, from which tests/support/power_loss.py makes what a disk would hold after a loss of power. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define LONGEST 512

/* tests/support/faults.py has the same structure. */
static struct control {
    char below[LONGEST]; /* calls for paths below this folder count; empty: none do */
    char log[LONGEST];   /* the file that calls are recorded in; empty: none are */
    char failed[LONGEST]; /* the first call that has failed: its kind, and its path below the folder */
    int64_t fail_at;     /* number of the call that fails, from 1 on; 0: none does */
    int64_t and_later;   /* whether all later ones fail, too */
    int64_t reads;       /* whether reads count */
    int64_t error;       /* errno */
    int64_t calls;       /* how many there were */
    int64_t clock_ahead; /* seconds */
} *control;

__attribute__((constructor)) static void share(void) {
    const char *file = getenv("FAULTS");
    int descriptor = file ? syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0) : -1;
    if (descriptor < 0) return;
    void *shared = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    syscall(SYS_close, descriptor);
    if (shared != MAP_FAILED) control = shared;
}

/* Paths */

static int path_of(int descriptor, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

static void path_at(int folder, const char *name, char *path) {
    size_t length = 0;
    if (name[0] != '/') {
        if (folder == AT_FDCWD) {
            if (!getcwd(path, PATH_MAX)) path[0] = 0;
        } else {
            path_of(folder, path);
        }
        length = strlen(path);
        path[length++] = '/';
    }
    snprintf(path + length, PATH_MAX - length, "%s", name);
}

static int counts(const char *path) {
    size_t length;
    if (!control || !(length = strlen(control->below))) return 0;
    return !strncmp(path, control->below, length) && (path[length] == '/' || !path[length]);
}

/* Failing */

static int needs_space(const char *kind) {
    return strcmp(kind, "read") && strcmp(kind, "remove") && strcmp(kind, "open");
}

static int fails(const char *kind, const char *path) {
    if (!counts(path) || (control->error == ENOSPC && !needs_space(kind))) return 0;
    if (!control->reads && !strcmp(kind, "read")) return 0;
    int64_t number = __sync_add_and_fetch(&control->calls, 1), at = control->fail_at;
    if (!at || number < at || (number > at && !control->and_later)) return 0;
    if (number == at)
        snprintf(control->failed, LONGEST, "%s %.400s", kind, path + strlen(control->below));
    errno = control->error;
    return 1;
}

static int fails_for(const char *kind, int descriptor) {
    char path[PATH_MAX];
    if (!control || !control->below[0]) return 0;
    int before = errno;
    if (path_of(descriptor, path) && fails(kind, path)) return 1;
    errno = before;
    return 0;
}

/* Recording */

static void record(char kind, const char *path, const char *path_after, int64_t offset, const void *data, size_t size) {
    if (!counts(path) || !control->log[0]) return;
    int before = errno;
    struct __attribute__((packed)) {
        char kind;
        uint32_t path, path_after;
        int64_t offset;
        uint32_t size;
    } head = {kind, strlen(path), strlen(path_after), offset, size};
    struct iovec parts[] = {{&head, sizeof head},
                            {(void *)path, head.path},
                            {(void *)path_after, head.path_after},
                            {(void *)data, size}};
    int log = syscall(SYS_openat, AT_FDCWD, control->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (log < 0 || syscall(SYS_writev, log, parts, 4) < 0) abort();
    syscall(SYS_close, log);
    errno = before;
}

static void record_for(char kind, int descriptor, int64_t offset) {
    char path[PATH_MAX];
    if (control && control->log[0] && path_of(descriptor, path)) record(kind, path, "", offset, "", 0);
}

/* What was written is read back: it may have come from another file, or in pieces. */
static void record_written(int descriptor, int64_t offset, ssize_t size) {
    char path[PATH_MAX], link[64];
    if (size <= 0 || !control || !control->log[0] || !path_of(descriptor, path) || !counts(path)) return;
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    int reader = syscall(SYS_openat, AT_FDCWD, link, O_RDONLY | O_CLOEXEC, 0);
    char *data = malloc(size);
    if (reader < 0 || !data || syscall(SYS_pread64, reader, data, size, offset) != size) abort();
    syscall(SYS_close, reader);
    record('w', path, "", offset, data, size);
    free(data);
    errno = before;
}

static int64_t position(int descriptor) { return syscall(SYS_lseek, descriptor, 0, SEEK_CUR); }

/* Opening */

static int is_refused(int folder, const char *name, int flags, int *is_new, char *path) {
    *is_new = 0;
    if (!control || !control->below[0]) return 0;
    path_at(folder, name, path);
    if (!counts(path)) return 0;
    struct stat found;
    *is_new = (flags & O_CREAT) && syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0) < 0;
    return fails(*is_new ? "create" : "open", path);
}

static int opened(int descriptor, int flags, int is_new, const char *path) {
    if (descriptor < 0 || !control || !control->log[0]) return descriptor;
    if (is_new) record('c', path, "", 0, "", 0);
    if (flags & O_TRUNC) record('t', path, "", 0, "", 0);
    return descriptor;
}

#define OPENS(function, parameters, folder, ...)                           \
    EXPORT int function parameters {                                       \
        int is_new, mode = 0;                                              \
        char path[PATH_MAX] = "";                                          \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        if (flags & (O_CREAT | O_TMPFILE)) mode = va_arg(more, int);       \
        va_end(more);                                                      \
        if (is_refused(folder, name, flags, &is_new, path)) return -1;     \
        return opened(NEXT(function)(__VA_ARGS__), flags, is_new, path);   \
    }

OPENS(open, (const char *name, int flags, ...), AT_FDCWD, name, flags, mode)
OPENS(open64, (const char *name, int flags, ...), AT_FDCWD, name, flags, mode)
OPENS(openat, (int folder, const char *name, int flags, ...), folder, folder, name, flags, mode)
OPENS(openat64, (int folder, const char *name, int flags, ...), folder, folder, name, flags, mode)

#define OPENS_STREAM(function)                                                                            \
    EXPORT FILE *function(const char *name, const char *mode) {                                           \
        int is_new, flags = mode[0] == 'r' ? 0 : O_CREAT | (mode[0] == 'w' ? O_TRUNC : 0);                \
        char path[PATH_MAX] = "";                                                                         \
        if (is_refused(AT_FDCWD, name, flags, &is_new, path)) return NULL;                                \
        FILE *stream = NEXT(function)(name, mode);                                                        \
        if (stream) opened(fileno(stream), flags, is_new, path);                                          \
        return stream;                                                                                    \
    }

OPENS_STREAM(fopen)
OPENS_STREAM(fopen64)

EXPORT DIR *opendir(const char *name) {
    int is_new;
    char path[PATH_MAX];
    return is_refused(AT_FDCWD, name, 0, &is_new, path) ? NULL : NEXT(opendir)(name);
}

/* Reading and writing */

EXPORT ssize_t read(int descriptor, void *data, size_t size) {
    return fails_for("read", descriptor) ? -1 : syscall(SYS_read, descriptor, data, size);
}

EXPORT ssize_t write(int descriptor, const void *data, size_t size) {
    if (fails_for("write", descriptor)) return -1;
    ssize_t done = syscall(SYS_write, descriptor, data, size);
    if (done > 0) record_written(descriptor, position(descriptor) - done, done);
    return done;
}

EXPORT ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    if (fails_for("write", descriptor)) return -1;
    ssize_t done = syscall(SYS_writev, descriptor, parts, count);
    if (done > 0) record_written(descriptor, position(descriptor) - done, done);
    return done;
}

#define READS_AT(function)                                                                                   \
    EXPORT ssize_t function(int descriptor, void *data, size_t size, off_t offset) {                         \
        return fails_for("read", descriptor) ? -1 : syscall(SYS_pread64, descriptor, data, size, offset);    \
    }
#define WRITES_AT(function)                                                                                  \
    EXPORT ssize_t function(int descriptor, const void *data, size_t size, off_t offset) {                   \
        if (fails_for("write", descriptor)) return -1;                                                       \
        ssize_t done = syscall(SYS_pwrite64, descriptor, data, size, offset);                                \
        record_written(descriptor, offset, done);                                                            \
        return done;                                                                                         \
    }
#define SENDS(function)                                                                                      \
    EXPORT ssize_t function(int to, int from, off_t *offset, size_t size) {                                  \
        if (fails_for("write", to)) return -1;                                                               \
        ssize_t done = syscall(SYS_sendfile, to, from, offset, size);                                        \
        if (done > 0) record_written(to, position(to) - done, done);                                         \
        return done;                                                                                         \
    }
#define TRUNCATES(function)                                                                                  \
    EXPORT int function(int descriptor, off_t size) {                                                        \
        if (fails_for("write", descriptor)) return -1;                                                       \
        int result = syscall(SYS_ftruncate, descriptor, size);                                               \
        if (!result) record_for('t', descriptor, size);                                                      \
        return result;                                                                                       \
    }

READS_AT(pread)
READS_AT(pread64)
WRITES_AT(pwrite)
WRITES_AT(pwrite64)
SENDS(sendfile)
SENDS(sendfile64)
TRUNCATES(ftruncate)
TRUNCATES(ftruncate64)

/* What a stream keeps back is written at once while calls are recorded, since the C library's own writes pass by here. */
EXPORT size_t fwrite(const void *data, size_t size, size_t count, FILE *stream) {
    if (fails_for("write", fileno(stream))) return 0;
    size_t done = NEXT(fwrite)(data, size, count, stream);
    char path[PATH_MAX];
    if (done && control && control->log[0] && path_of(fileno(stream), path) && counts(path) && !fflush(stream))
        record_written(fileno(stream), position(fileno(stream)) - done * size, done * size);
    return done;
}

/* Syncing */

EXPORT int fsync(int descriptor) {
    if (fails_for("sync", descriptor)) return -1;
    int result = syscall(SYS_fsync, descriptor);
    if (!result) record_for('s', descriptor, 0);
    return result;
}

EXPORT int fdatasync(int descriptor) {
    if (fails_for("sync", descriptor)) return -1;
    int result = syscall(SYS_fdatasync, descriptor);
    if (!result) record_for('s', descriptor, 0);
    return result;
}

/* Changing folders */

static int renames(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char path[PATH_MAX], path_after[PATH_MAX];
    path_at(from_folder, from, path);
    path_at(to_folder, to, path_after);
    if (fails("rename", path)) return -1;
    int result = syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
    if (!result) record('r', path, path_after, 0, "", 0);
    return result;
}

EXPORT int rename(const char *from, const char *to) { return renames(AT_FDCWD, from, AT_FDCWD, to, 0); }
EXPORT int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    return renames(from_folder, from, to_folder, to, 0);
}
EXPORT int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    return renames(from_folder, from, to_folder, to, flags);
}

EXPORT int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    path_at(folder, name, path);
    if (fails("mkdir", path)) return -1;
    int result = syscall(SYS_mkdirat, folder, name, mode);
    if (!result) record('m', path, "", 0, "", 0);
    return result;
}

EXPORT int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    path_at(folder, name, path);
    if (fails("remove", path)) return -1;
    int result = syscall(SYS_unlinkat, folder, name, flags);
    if (!result) record('u', path, "", 0, "", 0);
    return result;
}

EXPORT int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
EXPORT int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
EXPORT int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

/* The clock */

EXPORT int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = NEXT(clock_gettime)(clock, now);
    if (!result && control && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += control->clock_ahead;
    return result;
}

EXPORT int gettimeofday(struct timeval *now, void *zone) {
    int result = NEXT(gettimeofday)(now, zone);
    if (!result && control) now->tv_sec += control->clock_ahead;
    return result;
}

EXPORT time_t time(time_t *now) {
    struct timespec moment;
    clock_gettime(CLOCK_REALTIME, &moment);
    if (now) *now = moment.tv_sec;
    return moment.tv_sec;
}
