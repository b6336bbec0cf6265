/* Preloaded into a program, shifts the clocks that it reads by nanoseconds that stand in a file: those of
 * CLOCK_REALTIME first, those of CLOCK_BOOTTIME behind them. Another process may change them at any time.
 * CLOCK_MONOTONIC stays: the kernel's timers go by it. */

#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t none[2];
static const volatile int64_t *shifts = none;

__attribute__((constructor)) static void map_file(void)
{
    const char *name = getenv("SHIFTED_CLOCK");
    int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped;

    if (file < 0)
        return;
    mapped = mmap(NULL, sizeof none, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED)
        shifts = mapped;
}

static int64_t shift_of(clockid_t clock)
{
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        return shifts[0];
    case CLOCK_BOOTTIME:
        return shifts[1];
    default:
        return 0;
    }
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    const int64_t second = 1000000000;
    int64_t nanoseconds;
    int failed = (int)syscall(SYS_clock_gettime, clock, now);

    if (failed || !shift_of(clock))
        return failed;
    nanoseconds = now->tv_sec * second + now->tv_nsec + shift_of(clock);
    now->tv_sec = nanoseconds / second;
    now->tv_nsec = nanoseconds % second;
    if (now->tv_nsec < 0) {
        now->tv_nsec += second;
        now->tv_sec -= 1;
    }
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec precise;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *stored)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (stored)
        *stored = now.tv_sec;
    return now.tv_sec;
}
