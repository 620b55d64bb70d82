/* Loaded with LD_PRELOAD: while the file that NO_FORK names is there, fork fails as at a limit of processes. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

pid_t fork(void) {
    if (access(getenv("NO_FORK"), F_OK) == 0) {
        errno = EAGAIN;
        return -1;
    }
    return ((pid_t (*)(void))dlsym(RTLD_NEXT, "fork"))();
}
